//! One region: workers, a queue before them, and the adaptive limit that watches both.

use std::collections::VecDeque;
use std::time::Duration;

use spillway_decide::Time;
use spillway_decide::balance::{Class, Limit};
use spillway_decide::grants::Load;

const WORKERS: usize = 20;
const SERVICE_MILLIS: u64 = 20;
/// Requests a second that the workers can do.
pub const CAPACITY: f64 = 1000.0;
/// An answer that takes longer comes too late.
const IN_TIME_MILLIS: u64 = 500;

#[derive(Clone, Copy)]
pub struct Request {
    class: Class,
    began: u64,
}

impl Request {
    pub fn own(now: u64) -> Self {
        Self { class: Class::Own, began: now }
    }

    pub fn spilled(now: u64) -> Self {
        Self { class: Class::Spilled, began: now }
    }
}

pub struct Region {
    limit: Limit,
    queue: VecDeque<Request>,
    busy: VecDeque<(Request, u64)>,
    own: usize,
    pub in_time: u32,
}

impl Region {
    pub fn new() -> Self {
        Self { limit: Limit::new(Time(0)), queue: VecDeque::new(), busy: VecDeque::new(), own: 0, in_time: 0 }
    }

    /// Whether it takes the request.
    pub fn take(&mut self, request: Request) -> bool {
        let all = self.queue.len() + self.busy.len();
        if !self.limit.admits(request.class, self.own, all) {
            return false;
        }
        self.limit.began(all + 1);
        self.own += usize::from(request.class == Class::Own);
        self.queue.push_back(request);
        true
    }

    pub fn step(&mut self, now: u64) {
        while let Some((request, _)) = self.busy.front().copied().filter(|(_, end)| *end <= now) {
            self.busy.pop_front();
            self.own -= usize::from(request.class == Class::Own);
            let latency = now - request.began;
            self.limit.finished(Time(now), request.class, Some(Duration::from_millis(latency)));
            self.in_time += u32::from(latency <= IN_TIME_MILLIS);
        }
        while self.busy.len() < WORKERS
            && let Some(request) = self.queue.pop_front()
        {
            self.busy.push_back((request, now + SERVICE_MILLIS));
        }
    }

    pub fn load(&self) -> Option<Load> {
        let (flow, lowest_millis) = (self.limit.flow()?, self.limit.lowest_millis()?);
        Some(Load { flow, limit: self.limit.limit(), lowest_millis })
    }
}
