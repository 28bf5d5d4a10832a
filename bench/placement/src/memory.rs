//! What is resident, as the kernel tells it.

use std::fs;

use anyhow::Context;

/// Resident memory of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    /// Now (`VmRSS`), in bytes.
    pub(crate) now: u64,
    /// The most since [`forget_peak`] (`VmHWM`), in bytes: what a memory limit would have met.
    pub(crate) peak: u64,
}

/// Asks the kernel.
pub(crate) fn resident() -> anyhow::Result<Resident> {
    let status = fs::read_to_string("/proc/self/status")?;
    Ok(Resident { now: field(&status, "VmRSS:")?, peak: field(&status, "VmHWM:")? })
}

/// Lets the peak begin at what is resident now (proc(5), `clear_refs`).
pub(crate) fn forget_peak() -> anyhow::Result<()> {
    fs::write("/proc/self/clear_refs", "5").context("/proc/self/clear_refs")
}

fn field(status: &str, name: &str) -> anyhow::Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes = kibibytes.with_context(|| format!("/proc/self/status has no {name} in kB"))?;
    Ok(kibibytes.trim().parse::<u64>()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_kibibytes() {
        let status = "Name:\tbench\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!((field(status, "VmRSS:").unwrap(), field(status, "VmHWM:").unwrap()), (1 << 20, 2 << 20));
        assert!(field(status, "VmSwap:").unwrap_err().to_string().contains("VmSwap"));
    }
}
