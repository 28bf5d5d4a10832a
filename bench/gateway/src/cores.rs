//! Who runs where: the proxy alone on one core, load and backend on another.

use std::process::{Child, Command};

use anyhow::{Context, bail};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Two cores.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    /// The proxy's.
    pub(crate) proxy: usize,
    /// Everything else's.
    pub(crate) load: usize,
}

impl Cores {
    /// The first and the last core that this process may use.
    pub(crate) fn choose() -> anyhow::Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let allowed: Vec<usize> =
            (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false)).collect();
        match allowed.as_slice() {
            [load, .., proxy] => Ok(Self { proxy: *proxy, load: *load }),
            _ => bail!("the bench needs two cores: one for the proxy, one for the load"),
        }
    }

    /// Keeps this process off the proxy's core, and every thread that it will start.
    pub(crate) fn stay_off_the_proxys(self) -> anyhow::Result<()> {
        let mut one = CpuSet::new();
        one.set(self.load)?;
        Ok(sched_setaffinity(Pid::from_raw(0), &one)?)
    }

    /// Keeps both cores from falling asleep. To wake a sleeping core of a virtual machine is dear, the waker pays for it,
    /// and it differs from minute to minute.
    pub(crate) fn keep_awake(self) -> anyhow::Result<Awake> {
        // Of the class for idle times: whoever has something to do comes first. It ends with this process.
        let spin = |core: usize| {
            Command::new("setpriv")
                .args(["--pdeathsig", "KILL", "chrt", "--idle", "0", "taskset", "-c", &core.to_string()])
                .args(["sh", "-c", "while :; do :; done"])
                .spawn()
                .context("setpriv, chrt and taskset (util-linux) keep the cores awake")
        };
        let mut awake = Awake(vec![]);
        for core in [self.proxy, self.load] {
            awake.0.push(spin(core)?);
        }
        Ok(awake)
    }
}

/// Cores that are kept awake until this is dropped.
pub(crate) struct Awake(Vec<Child>);

impl Drop for Awake {
    fn drop(&mut self) {
        for spinning in &mut self.0 {
            let _ = spinning.kill();
            let _ = spinning.wait();
        }
    }
}
