//! Faults by words: `world fault 10 latency shenzhen 2000`.

use anyhow::{Result, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use spillway_e2e::backend::{Behaviour, Latency, Refusal};
use spillway_e2e::world::{Disturbance, HUB, Link, Process, World};

#[derive(Subcommand)]
pub(crate) enum Fault {
    /// A region's backend answers this late: milliseconds, or P50/P99 of a log-normal distribution.
    Latency {
        region: String,
        #[arg(value_parser = latency)]
        milliseconds: Latency,
        #[command(flatten)]
        backend: Backend,
    },
    /// This part of a backend's answers are errors: 0.0 to 1.0.
    Errors {
        region: String,
        rate: f64,
        #[command(flatten)]
        backend: Backend,
    },
    /// A backend takes requests and does not answer.
    Hang {
        region: String,
        #[command(flatten)]
        backend: Backend,
    },
    /// A backend refuses connections.
    Refuse {
        region: String,
        #[command(flatten)]
        backend: Backend,
    },
    /// A backend answers 302 with this Location.
    Redirect {
        region: String,
        location: String,
        #[command(flatten)]
        backend: Backend,
    },
    /// A backend behaves again.
    Answer {
        region: String,
        #[command(flatten)]
        backend: Backend,
    },
    /// SIGKILL.
    Kill(Which),
    /// SIGTERM.
    Term(Which),
    /// SIGSTOP.
    Freeze(Which),
    /// SIGCONT.
    Thaw(Which),
    /// Start again.
    Restart(Which),
    /// Reset every connection of a link.
    Cut(Path),
    /// Let no byte pass on a link.
    Drop(Path),
    /// Let every byte of a link arrive later.
    Delay {
        #[command(flatten)]
        path: Path,
        milliseconds: u64,
    },
    /// Mend everything, or one link.
    Heal {
        #[arg(requires = "to")]
        from: Option<String>,
        to: Option<String>,
    },
}

#[derive(Args)]
pub(crate) struct Backend {
    /// Which of the region's backends.
    #[arg(long, default_value = "api-gateway")]
    backend: String,
}

#[derive(Args)]
pub(crate) struct Which {
    kind: Kind,
    /// The region or `hub`; of a controller its replica.
    of: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Gateway,
    Controller,
    Apiserver,
    Etcd,
    ControllerManager,
    Controlplane,
    Backend,
}

#[derive(Args)]
pub(crate) struct Path {
    /// A region, or `clients`, `controller` (to the API server of TO), `gateway` (to its API server in TO).
    from: String,
    /// A region, or `hub`.
    to: String,
    /// Only connections that FROM opens.
    #[arg(long)]
    one_way: bool,
}

/// Does what the words say.
pub(crate) async fn apply(world: &World, fault: Fault) -> Result<()> {
    match fault {
        Fault::Latency { region, milliseconds, backend } => {
            world.change_backend(&region, &backend.backend, |b| b.latency = milliseconds).await
        }
        Fault::Errors { region, rate, backend } => {
            ensure!((0.0..=1.0).contains(&rate), "RATE is from 0.0 to 1.0, not {rate}");
            world.change_backend(&region, &backend.backend, |b| b.error_rate = rate).await
        }
        Fault::Hang { region, backend } => refusal(world, &region, &backend, Refusal::Hang).await,
        Fault::Refuse { region, backend } => refusal(world, &region, &backend, Refusal::Refuse).await,
        Fault::Redirect { region, location, backend } => {
            world.change_backend(&region, &backend.backend, |b| b.redirect = Some(location)).await
        }
        Fault::Answer { region, backend } => {
            world.change_backend(&region, &backend.backend, |b| *b = Behaviour::default()).await
        }
        Fault::Kill(which) => world.kill(&which.process()?).await,
        Fault::Term(which) => world.term(&which.process()?).await,
        Fault::Freeze(which) => world.freeze(&which.process()?).await,
        Fault::Thaw(which) => world.thaw(&which.process()?).await,
        Fault::Restart(which) => world.restart(&which.process()?).await,
        Fault::Cut(path) => world.disturb(&path.link(), Disturbance::Cut).await,
        Fault::Drop(path) => world.disturb(&path.link(), Disturbance::Drop).await,
        Fault::Delay { path, milliseconds } => {
            world.disturb(&path.link(), Disturbance::Delay { milliseconds }).await
        }
        Fault::Heal { from: Some(from), to: Some(to) } => {
            world.heal(&Path { from, to, one_way: false }.link()).await
        }
        Fault::Heal { .. } => world.heal_all().await,
    }
}

async fn refusal(world: &World, region: &str, backend: &Backend, refusal: Refusal) -> Result<()> {
    world.change_backend(region, &backend.backend, |b| b.refusal = refusal).await
}

impl Which {
    fn process(&self) -> Result<Process> {
        let of = self.of.clone();
        Ok(match self.kind {
            Kind::Controller => Process::Controller(of.map_or(Ok(0), |replica| replica.parse())?),
            Kind::Apiserver => Process::ApiServer(of.unwrap_or(HUB.to_owned())),
            Kind::Etcd => Process::Etcd(of.unwrap_or(HUB.to_owned())),
            Kind::ControllerManager => Process::ControllerManager(of.unwrap_or(HUB.to_owned())),
            Kind::Controlplane => Process::ControlPlane(of.unwrap_or(HUB.to_owned())),
            Kind::Gateway | Kind::Backend => {
                let Some(region) = of else { bail!("of which region?") };
                if matches!(self.kind, Kind::Gateway) {
                    Process::Gateway(region)
                } else {
                    Process::Backend(region)
                }
            }
        })
    }
}

impl Path {
    fn link(&self) -> Link {
        let (from, to) = (self.from.clone(), self.to.clone());
        match from.as_str() {
            "clients" => Link::Clients(to),
            "controller" => Link::ControllerToApi(to),
            "gateway" => Link::GatewayToApi(to),
            _ if self.one_way => Link::OneWay(from, to),
            _ => Link::Between(from, to),
        }
    }
}

fn latency(text: &str) -> Result<Latency, String> {
    let number =
        |text: &str| text.parse::<f64>().map_err(|_| "milliseconds, or P50/P99 in milliseconds".to_owned());
    match text.split_once('/') {
        Some((p50, p99)) => {
            let (p50_milliseconds, p99_milliseconds) = (number(p50)?, number(p99)?);
            if !(p50_milliseconds > 0.0 && p99_milliseconds >= p50_milliseconds) {
                return Err("0 < P50 <= P99".to_owned());
            }
            Ok(Latency::LogNormal { p50_milliseconds, p99_milliseconds })
        }
        None => text.parse::<u64>().map(Latency::from).map_err(|_| "milliseconds, or P50/P99".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_is_a_number_or_two_quantiles() {
        assert_eq!(latency("2000"), Ok(2000.into()));
        let spread = Latency::LogNormal { p50_milliseconds: 40.0, p99_milliseconds: 400.0 };
        assert_eq!(latency("40/400"), Ok(spread));
        for bad in ["", "fast", "400/40", "0/1", "1/x"] {
            assert!(latency(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ends_of_links_that_are_no_regions_have_names() {
        let link = |from: &str| Path { from: from.into(), to: "beijing".into(), one_way: false }.link();
        assert_eq!(link("clients"), Link::Clients("beijing".into()));
        assert_eq!(link("controller"), Link::ControllerToApi("beijing".into()));
        assert_eq!(link("chengdu"), Link::between("chengdu", "beijing"));
    }
}
