//! Conducting a game day: the order, a look each second, and the end, which is ordered whatever happens.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures::future::join_all;
use spillway_decide::Health;
use spillway_decide::commands::{Order, Verb};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};

use super::guard::Guard;
use super::look::{About, Look, changes};
use super::outcome::{Milestones, Moment, Outcome};
use crate::operator::{Access, Refused, give};
use crate::output::{self, Output};
use crate::simulate::Foreseen;

const EVERY: Duration = Duration::from_secs(1);
/// How long to go on asking for the end; after it, the fault ends by itself.
const END_WITHIN: Duration = Duration::from_secs(20);
/// A fault that is not played for so long, though it was ordered, has been stopped by somebody.
const RESTS: Duration = Duration::from_secs(5);

pub(super) struct Plan {
    pub(super) about: About,
    pub(super) bounds: BTreeMap<String, Health>,
    pub(super) order: Order,
    pub(super) foreseen: Foreseen,
    pub(super) before: Look,
    pub(super) recovery: Duration,
}

pub(super) struct Conduct {
    access: Access,
    plan: Plan,
    output: Output,
}

/// What is known so far.
struct Course {
    began: Instant,
    latest: Look,
    seen: Milestones,
    log: Vec<Moment>,
}

/// What all gateways say now.
pub(super) async fn look(access: &Access) -> Look {
    let gateways = access.all();
    let asked = gateways.iter().map(async |gateway| Some(access.inspect(gateway).await.ok()?.report));
    let told = join_all(asked).await;
    Look(told.into_iter().flatten().map(|report| (report.member.clone(), report)).collect())
}

impl Conduct {
    pub(super) const fn new(access: Access, plan: Plan, output: Output) -> Self {
        Self { access, plan, output }
    }

    /// From now on by this credential.
    pub(super) fn renew(&mut self, access: Access) {
        self.access = access;
    }

    /// What will happen, before anything does.
    pub(super) fn announce(&self, story: &str) -> Result<()> {
        let Order { region, for_seconds, fault, .. } = &self.plan.order;
        let fault = fault.map(|fault| fault.to_string()).unwrap_or_default();
        let seconds = for_seconds.unwrap_or_default();
        self.tell(&format!(
            "{region} {fault} for {seconds} s at most. Its people see that until they are led elsewhere.\nForeseen:\n\n{story}\n\
             It ends by Ctrl-C, when another region leaves its bounds, and by itself.\n"
        ))
    }

    /// Asks the person.
    pub(super) fn confirm(&self) -> Result<()> {
        if !std::io::stdin().is_terminal() {
            bail!("there is nobody to ask: begin without asking with --yes");
        }
        let region = &self.plan.order.region;
        eprint!("Type {region} to begin: ");
        std::io::stderr().flush()?;
        let mut typed = String::new();
        std::io::stdin().read_line(&mut typed)?;
        if typed.trim() == region { Ok(()) } else { bail!("nothing was begun") }
    }

    /// Begins, watches, ends, watches. From the order on, the end is ordered whatever happens.
    pub(super) async fn play(&self) -> Result<Outcome> {
        let mut interruption = Interruption::listen()?;
        let given = give(&self.access.at(&self.plan.order.region)?, &self.plan.order).await;
        let began = Instant::now();
        let mut course =
            Course { began, latest: self.plan.before.clone(), seen: Milestones::default(), log: Vec::new() };
        let aborted = match given {
            Ok(_) => self.watch(&mut course, &mut interruption).await,
            Err(error) => {
                // An answer that was lost may have been a yes. A no may have been because of somebody else's game day.
                if !error.is::<Refused>() {
                    self.end(&mut course, &mut interruption).await;
                }
                return Err(error);
            }
        };
        if let Some(why) = &aborted {
            self.note(&mut course, "-", &format!("aborting: {why}"));
        }
        if self.end(&mut course, &mut interruption).await {
            self.come_home(&mut course, &mut interruption).await;
        }
        Ok(self.outcome(course, aborted))
    }

    /// While it plays. Gives the reason if it must end before its time.
    async fn watch(&self, course: &mut Course, interruption: &mut Interruption) -> Option<String> {
        let Plan { about, order, bounds, .. } = &self.plan;
        let mut guard = Guard::new(bounds.clone());
        let end = course.began + Duration::from_secs(order.for_seconds.unwrap_or_default());
        let mut played = course.began;
        loop {
            let next = (Instant::now() + EVERY).min(end);
            tokio::select! {
                () = interruption.comes() => return Some("Ctrl-C".to_owned()),
                () = sleep_until(next) => {}
            }
            if Instant::now() >= end {
                return None;
            }
            self.look(course).await;
            if let Some(why) = guard.objection(&course.latest, about) {
                return Some(why);
            }
            match course.latest.playing(&about.region) {
                Some("") if played.elapsed() > RESTS => {
                    return Some(format!(
                        "the gateways of {} have stopped by themselves: their log says why",
                        about.region
                    ));
                }
                Some("") | None => {}
                Some(_) => played = Instant::now(),
            }
        }
    }

    /// Orders the end, at whichever gateway answers. False: the person has enough of waiting.
    async fn end(&self, course: &mut Course, interruption: &mut Interruption) -> bool {
        let (given, patient) = tokio::select! {
            given = self.order_end(course.began) => (given, true),
            () = interruption.comes() => (Err(anyhow!("interrupted before the answer")), false),
        };
        match given {
            Ok(at) => {
                course.seen.ended = Some(at);
                self.note(course, "-", "the end was ordered");
            }
            Err(error) => {
                let until = self.plan.order.for_seconds.unwrap_or_default();
                eprintln!(
                    "warning: nobody is known to have taken the end: {error:#}\nwarning: the fault ends by itself {until} s \
                     after its beginning; `kubectl spillway end-gameday {}` ends it before",
                    self.plan.order.region
                );
            }
        }
        patient
    }

    /// Until a gateway takes it; gives the second in which it was said.
    async fn order_end(&self, began: Instant) -> Result<f64> {
        let Order { region, priority, .. } = self.plan.order.clone();
        let end = Order {
            command: Verb::EndGameday,
            region,
            priority,
            for_seconds: None,
            fault: None,
            reason: "the end".to_owned(),
        };
        let deadline = Instant::now() + END_WITHIN;
        loop {
            let at = began.elapsed().as_secs_f64();
            match give(&self.access, &end).await {
                Ok(_) => return Ok(at),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => sleep(EVERY).await,
            }
        }
    }

    /// Until everything is as before, or for as long as the person wants to look.
    async fn come_home(&self, course: &mut Course, interruption: &mut Interruption) {
        let deadline = Instant::now() + self.plan.recovery;
        while Instant::now() < deadline {
            self.look(course).await;
            if course.latest.is_as(&self.plan.before, &self.plan.about) {
                course.seen.recovered = Some(course.seconds());
                return self.note(course, "-", "everything is as before");
            }
            tokio::select! {
                () = interruption.comes() => return,
                () = sleep(EVERY) => {}
            }
        }
    }

    async fn look(&self, course: &mut Course) {
        let about = &self.plan.about;
        let now = look(&self.access).await;
        for (gateway, what) in changes(&course.latest, &now, about) {
            self.note(course, &gateway, &what);
        }
        course.passed(&now, about, self.window());
        course.latest = now;
    }

    /// The longest window: a request is seen in it for so long.
    fn window(&self) -> f64 {
        let windows = self.plan.bounds.values().map(|health| health.window_seconds);
        f64::from(windows.max().unwrap_or_default())
    }

    fn note(&self, course: &mut Course, gateway: &str, what: &str) {
        let seconds = course.seconds();
        // Who reads the log may go away; the game day goes on to its end.
        let _ = self.tell(&format!("{seconds:+7.1}s  {gateway:<14} {what}"));
        course.log.push(Moment { seconds, gateway: gateway.to_owned(), what: what.to_owned() });
    }

    /// For people on stdout; programs read that, so there the log is on stderr.
    fn tell(&self, line: &str) -> Result<()> {
        match self.output {
            Output::Table => output::say(&format!("{line}\n")),
            Output::Json | Output::Yaml => {
                eprintln!("{line}");
                Ok(())
            }
        }
    }

    fn outcome(&self, course: Course, aborted: Option<String>) -> Outcome {
        let Course { seen, log, .. } = course;
        let left = seen.degraded.and(seen.left.or(seen.out_of_dns)).is_some();
        let Order { region, fault, .. } = &self.plan.order;
        Outcome {
            region: region.clone(),
            fault: fault.map(|fault| fault.to_string()).unwrap_or_default(),
            by: self.access.operator().to_owned(),
            ok: aborted.is_none() && left && seen.recovered.is_some(),
            aborted,
            foreseen: self.plan.foreseen.clone(),
            observed: seen,
            log,
        }
    }
}

impl Course {
    fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Notes what has come true for the first time.
    fn passed(&mut self, now: &Look, about: &About, window: f64) {
        let at = self.seconds();
        let first = |known: &mut Option<f64>, is: bool| {
            if is && known.is_none() {
                *known = Some(at);
            }
        };
        first(&mut self.seen.degraded, now.is_degraded(about));
        first(&mut self.seen.left, now.is_left(about));
        first(&mut self.seen.out_of_dns, now.is_out_of_dns(about));
        if self.seen.degraded.is_some() && self.seen.last_client.is_none() && now.requests(about) == Some(0) {
            self.seen.last_client = Some((at - window).max(0.0));
        }
    }
}

/// Ctrl-C, or being told to end: both end the game day first.
struct Interruption {
    interrupt: Signal,
    terminate: Signal,
}

impl Interruption {
    fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("SIGINT")?,
            terminate: signal(SignalKind::terminate()).context("SIGTERM")?,
        })
    }

    async fn comes(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
