//! How many files a process may have open: ten thousand connections need as many.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// A proxy that counts both sides of a connection wants twice as many as there are connections.
const WANTED: u64 = 32_000;

/// Asks for enough, for this process and the proxies that it will start. Where the system does not give it, a proxy
/// says so itself when it is started.
pub(crate) fn raise_limit() {
    let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    if setrlimit(Resource::RLIMIT_NOFILE, WANTED, hard.max(WANTED)).is_err() {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
