//! What one client knows about where the host lives.
//!
//! An answer is used until its TTL has passed, to the millisecond, and then asked for again. When nobody
//! answers, the last answer stays in use (RFC 8767), and the question is put again a second later: a region's
//! clients must not be cut off because the region's DNS server is.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    dns::{self, Answer},
    options::LoadOptions,
};

/// How long a stale answer is used before the servers are asked again (RFC 8767 calls it the recheck timer).
const RECHECK: Duration = Duration::from_secs(1);

/// One client's stub resolver and its cache of one name.
#[derive(Debug)]
pub(super) struct Resolver {
    source: Ipv4Addr,
    options: Arc<LoadOptions>,
    /// The server to ask first: the client's own, or the last one that answered.
    first: usize,
    /// The part of its life that the next answer has left.
    left: f64,
    cached: Cached,
}

/// The cache: pure, so that "exactly the TTL" has a test.
#[derive(Debug, Default)]
struct Cached {
    addresses: Vec<IpAddr>,
    use_until: Option<Instant>,
}

impl Cached {
    fn fresh(&self, now: Instant) -> bool {
        self.use_until.is_some_and(|until| now < until)
    }

    fn learn(&mut self, answer: Answer, life: Duration, now: Instant) {
        self.addresses = answer.addresses;
        self.use_until = Some(now + life);
    }

    fn keep_stale(&mut self, now: Instant) {
        if !self.addresses.is_empty() {
            self.use_until = Some(now + RECHECK);
        }
    }
}

impl Resolver {
    pub(super) fn new(index: usize, source: Ipv4Addr, options: Arc<LoadOptions>) -> Self {
        let first = index.checked_rem(options.dns_servers.len()).unwrap_or(0);
        let left = options.first_part(index);
        Self { source, options, first, left, cached: Cached::default() }
    }

    /// The addresses to connect to; an error only when no server has ever answered.
    pub(super) async fn addresses(&mut self) -> Result<Vec<IpAddr>, String> {
        if !self.cached.fresh(Instant::now()) {
            let asked = self.ask_round().await;
            match asked {
                Ok(answer) => {
                    let life = self.life(&answer);
                    self.cached.learn(answer, life, Instant::now());
                }
                Err(why) if self.cached.addresses.is_empty() => return Err(why),
                Err(_) => self.cached.keep_stale(Instant::now()),
            }
        }
        Ok(self.cached.addresses.clone())
    }

    /// For how long this answer is used.
    fn life(&mut self, answer: &Answer) -> Duration {
        let seconds = answer.ttl_seconds.max(self.options.resolvers.least_seconds);
        Duration::from_secs(seconds.into()).mul_f64(std::mem::replace(&mut self.left, 1.0))
    }

    /// Asks the servers in turn, the preferred one first; the one that answers is preferred from then on.
    async fn ask_round(&mut self) -> Result<Answer, String> {
        let servers = &self.options.dns_servers;
        let mut why = "no DNS server is configured".to_owned();
        for turn in 0..servers.len() {
            let index = (self.first + turn) % servers.len();
            let asked = dns::ask(self.source, servers[index], &self.options.host, self.options.dns_timeout);
            match asked.await {
                Ok(answer) => {
                    self.first = index;
                    return Ok(answer);
                }
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(ttl_seconds: u32) -> Answer {
        Answer { addresses: vec!["127.9.1.1".parse().unwrap()], ttl_seconds }
    }

    #[test]
    fn an_answer_lasts_exactly_its_ttl() {
        let (mut cached, now) = (Cached::default(), Instant::now());
        assert!(!cached.fresh(now));
        cached.learn(answer(5), Duration::from_secs(5), now);
        assert!(cached.fresh(now + Duration::from_millis(4999)));
        assert!(!cached.fresh(now + Duration::from_secs(5)));
    }

    #[test]
    fn an_aged_answer_has_a_part_of_its_ttl_left_and_a_stretched_one_more() {
        let mut options = LoadOptions::new("a.example", 80).clients(Ipv4Addr::LOCALHOST, 2);
        options.resolvers = super::super::ResolverOptions { aged: true, least_seconds: 60 };
        let mut resolver = Resolver::new(1, Ipv4Addr::LOCALHOST, Arc::new(options));
        assert_eq!(
            resolver.life(&answer(100)),
            Duration::from_secs(75),
            "the second of two has three quarters left"
        );
        assert_eq!(resolver.life(&answer(100)), Duration::from_secs(100));
        assert_eq!(resolver.life(&answer(30)), Duration::from_mins(1));
    }

    #[test]
    fn a_ttl_of_zero_is_for_one_use() {
        let (mut cached, now) = (Cached::default(), Instant::now());
        cached.learn(answer(0), Duration::ZERO, now);
        assert!(!cached.fresh(now));
        assert_eq!(cached.addresses.len(), 1);
    }

    #[test]
    fn a_stale_answer_is_kept_but_asked_for_again_soon() {
        let (mut cached, now) = (Cached::default(), Instant::now());
        cached.keep_stale(now);
        assert!(!cached.fresh(now), "nothing to keep");
        cached.learn(answer(5), Duration::from_secs(5), now);
        let later = now + Duration::from_secs(6);
        cached.keep_stale(later);
        assert!(cached.fresh(later + Duration::from_millis(999)));
        assert!(!cached.fresh(later + RECHECK));
        assert_eq!(cached.addresses.len(), 1);
    }
}
