//! People's commands: taken from whoever may give them, told to the peers at once, kept until they end.
//!
//! Nothing here asks a hub or an API server. Who may give one is the listener's to know; see `crate::spill`.

use spillway_decide::commands::{Command, Order, Refusal, Verb};

use super::Traffic;
use crate::config::Config;

impl Traffic {
    /// Takes an order of the person `by`; gives the commands that it became.
    pub fn order(&self, by: &str, order: &Order) -> Result<Vec<Command>, Refusal> {
        let config = self.inner.config.borrow().clone();
        let via = config.identity.member.as_str();
        let taken = self.check(&config, order).and_then(|()| {
            let now = self.inner.clock.now();
            self.inner.book.lock().order(now, (by, via), order, &config.priorities)
        });
        match &taken {
            Ok(made) => {
                log("command taken", made);
                self.spread();
            }
            Err(refusal) => tracing::warn!(by, ?order, %refusal, "command refused"),
        }
        taken
    }

    /// What is not the book's to know.
    fn check(&self, config: &Config, order: &Order) -> Result<(), Refusal> {
        if order.command != Verb::Gameday {
            return Ok(());
        }
        let book = self.inner.book.lock().clone();
        self.check_gameday(config, &book, order)
    }

    /// The commands that have not ended, the revoked ones included.
    #[must_use]
    pub fn commands(&self) -> Vec<Command> {
        self.inner.book.lock().all().to_vec()
    }

    /// Takes in what was kept on disk.
    pub fn restore_commands(&self, kept: &[Command]) {
        self.learn(kept, "command kept from before");
    }

    /// Rings when the commands have changed, so that they can be kept.
    #[must_use]
    pub fn commands_changed(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.commands_changed.subscribe()
    }

    /// Takes in what a peer says.
    pub(super) fn hear_commands(&self, commands: &[Command]) {
        self.learn(commands, "command heard of");
    }

    /// Forgets what has ended.
    pub(super) fn expire_commands(&self) {
        let ended = self.inner.book.lock().expire(self.inner.clock.now());
        if !ended.is_empty() {
            log("command ended", &ended);
            self.spread();
        }
    }

    fn learn(&self, commands: &[Command], how: &str) {
        if commands.is_empty() {
            return;
        }
        let news = self.inner.book.lock().merge(self.inner.clock.now(), commands);
        if !news.is_empty() {
            log(how, &news);
            self.spread();
        }
    }

    /// Decides by what is new, tells it, and has it kept.
    fn spread(&self) {
        self.inner.commands_changed.send_modify(|count| *count += 1);
        self.inner.news.notify_one();
        self.inner.urgent.send_modify(|count| *count += 1);
    }
}

fn log(how: &str, commands: &[Command]) {
    for Command { id, kind, region, priority, reason, by, via, expires_at, revoked, .. } in commands {
        let (priority, until) = (priority.as_deref().unwrap_or("all"), expires_at.rfc3339());
        tracing::info!(id, ?kind, revoked, region, priority, by, via, until, reason, "{how}");
    }
}
