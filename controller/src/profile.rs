//! Profiles of this process in pprof's format, a gzipped protobuf that `go tool pprof` reads: where it spends CPU
//! time, and who holds its memory.
//!
//! CPU time is sampled by `SIGPROF` while somebody asks for it, and not otherwise. The heap is sampled by jemalloc,
//! which decides before `main` whether it will ever do so: see [`sample_heap`].

use std::{
    env,
    ffi::OsString,
    fmt::Display,
    io::{self, Read as _, Write as _},
    os::unix::process::CommandExt,
    process::Command,
    time::Duration,
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use jemalloc_pprof::PROF_CTL;
use pprof::{
    ProfilerGuard, ProfilerGuardBuilder,
    protos::{Message, Profile},
};

/// Where jemalloc looks for its settings, before `main`.
const SETTINGS: &str = "_RJEM_MALLOC_CONF";
/// Samples a second of CPU time. A prime, so that it does not march in step with timers.
const FREQUENCY: i32 = 99;
/// The profiler unwinds in a signal handler. In these libraries a thread may hold a lock that unwinding takes, so
/// samples in them are left out (pprof-rs, README, "Signal Safety").
const NOT_INSIDE: [&str; 4] = ["libc", "libgcc", "pthread", "vdso"];
/// Functions of the allocator, a regular expression: a reader of a heap profile wants to know who asked it.
const ALLOCATOR: &str = "_rjem_.*|do_rallocx|irallocx_.*|__rust_.*|__rustc::.*|<tikv_jemallocator::.*|\
    alloc::alloc::.*|<alloc::alloc::Global.*|alloc|alloc_impl.*|allocate|exchange_malloc";

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    /// There is one signal and one dump file: one at a time.
    #[error("another profile of this kind is being taken: ask again when it has ended")]
    Busy,
    /// The heap was not sampled.
    #[error("the heap is not sampled: {SETTINGS} was set without \"prof:true\" when this process began")]
    NoHeapSamples,
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// Makes sure that the heap is sampled from the first allocation on. jemalloc reads its settings before `main`, so
/// the process begins anew with them, as itself: same number, same arguments. Returns if they are there already, or
/// with why this did not work.
pub fn sample_heap() -> io::Result<()> {
    if PROF_CTL.is_some() {
        return Ok(());
    }
    let Some(settings) = with_samples(env::var_os(SETTINGS)) else {
        return Err(io::Error::other(ProfileError::NoHeapSamples));
    };
    let mut arguments = env::args_os();
    let mut itself = Command::new(env::current_exe()?);
    if let Some(name) = arguments.next() {
        itself.arg0(name);
    }
    Err(itself.args(arguments).env(SETTINGS, settings).exec())
}

/// Settings that sample, or None if the settings that are there say otherwise: who wrote them meant it, and a second
/// beginning would change nothing.
fn with_samples(settings: Option<OsString>) -> Option<OsString> {
    let Some(mut settings) = settings.filter(|settings| !settings.is_empty()) else {
        return Some("prof:true".into());
    };
    if settings.to_string_lossy().contains("prof:") {
        return None;
    }
    settings.push(",prof:true");
    Some(settings)
}

/// Where CPU time goes for a while. Dropped early, it stops sampling.
pub(crate) async fn cpu(time: Duration) -> Result<Vec<u8>, ProfileError> {
    let sampling = ProfilerGuardBuilder::default().frequency(FREQUENCY).blocklist(&NOT_INSIDE).build();
    let sampling = sampling.map_err(|error| match error {
        pprof::Error::Running => ProfileError::Busy,
        other => failed(other),
    })?;
    tokio::time::sleep(time).await;
    aside(move || encode(&sampling)).await
}

fn encode(sampling: &ProfilerGuard<'_>) -> Result<Vec<u8>, ProfileError> {
    zip(&sampling.report().build().and_then(|report| report.pprof()).map_err(failed)?)
}

/// Who holds the memory that is in use now.
pub(crate) async fn heap() -> Result<Vec<u8>, ProfileError> {
    let control = PROF_CTL.clone().ok_or(ProfileError::NoHeapSamples)?;
    let mut control = control.try_lock_owned().map_err(|_| ProfileError::Busy)?;
    aside(move || without_allocator(&control.dump_pprof().map_err(failed)?)).await
}

/// The profile, in which tools leave out what happens inside of the allocator.
fn without_allocator(zipped: &[u8]) -> Result<Vec<u8>, ProfileError> {
    let mut bytes = Vec::new();
    GzDecoder::new(zipped).read_to_end(&mut bytes).map_err(failed)?;
    let mut profile = Profile::decode(bytes.as_slice()).map_err(failed)?;
    profile.drop_frames = i64::try_from(profile.string_table.len()).map_err(failed)?;
    profile.string_table.push(ALLOCATOR.into());
    zip(&profile)
}

fn zip(profile: &Profile) -> Result<Vec<u8>, ProfileError> {
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(&profile.encode_to_vec()).and_then(|()| zipped.finish()).map_err(failed)
}

fn failed(error: impl Display) -> ProfileError {
    ProfileError::Failed(format!("{error:#}"))
}

/// Off the threads that serve: names for addresses are read from the program's file, which takes a while.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProfileError> + Send + 'static,
) -> Result<T, ProfileError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(failed(error)))
}

#[cfg(test)]
mod tests {
    use super::with_samples;

    #[test]
    fn settings_of_others_are_kept() {
        for (given, makes) in [
            (None, Some("prof:true")),
            (Some(""), Some("prof:true")),
            (Some("narenas:2"), Some("narenas:2,prof:true")),
            (Some("prof:false"), None),
        ] {
            assert_eq!(with_samples(given.map(Into::into)), makes.map(Into::into), "{given:?}");
        }
    }
}
