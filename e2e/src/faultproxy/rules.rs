//! Which rule holds for which connection.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::{Result, bail};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::protocol::{Disturbance, LinkSpec, Rule};

/// A /24, as the first three bytes of its addresses.
type Network = [u8; 3];

/// What a connection looks at: its disturbance now, and the news of a change.
pub(super) type Watch = watch::Receiver<Option<Disturbance>>;

/// The rules of all links. A connection watches the cell of its link and network; each change of a rule works
/// out the cells of its link anew, so that looking at a rule costs a connection nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Arc<Mutex<HashMap<String, LinkRules>>>);

#[derive(Debug, Default)]
struct LinkRules {
    named: HashMap<Network, Disturbance>,
    others: Option<Disturbance>,
    cells: HashMap<Network, watch::Sender<Option<Disturbance>>>,
}

impl LinkRules {
    fn holds_for(&self, network: Network) -> Option<Disturbance> {
        self.named.get(&network).copied().or(self.others)
    }

    fn publish(&self) {
        for (network, cell) in &self.cells {
            let now = self.holds_for(*network);
            cell.send_if_modified(|seen| std::mem::replace(seen, now) != now);
        }
    }
}

impl Rules {
    pub(super) fn new(links: &[LinkSpec]) -> Self {
        Self(Arc::new(Mutex::new(
            links.iter().map(|link| (link.name.clone(), LinkRules::default())).collect(),
        )))
    }

    pub(super) fn set(&self, rule: &Rule) -> Result<()> {
        let mut links = self.0.lock();
        let Some(link) = links.get_mut(&rule.link) else { bail!("no link is named {:?}", rule.link) };
        match (rule.from, rule.disturbance) {
            (None, disturbance) => link.others = disturbance,
            (Some(from), Some(disturbance)) => {
                link.named.insert(network(from), disturbance);
            }
            (Some(from), None) => {
                link.named.remove(&network(from));
            }
        }
        link.publish();
        Ok(())
    }

    /// Takes every rule away.
    pub(super) fn clear(&self) {
        for link in self.0.lock().values_mut() {
            link.named.clear();
            link.others = None;
            link.publish();
        }
    }

    pub(super) fn list(&self) -> Vec<Rule> {
        let links = self.0.lock();
        let rules = links.iter().flat_map(|(name, link)| {
            let named = link
                .named
                .iter()
                .map(|(net, fault)| (Some(Ipv4Addr::new(net[0], net[1], net[2], 0)), *fault));
            named.chain(link.others.map(|fault| (None, fault))).map(|(from, fault)| Rule {
                link: name.clone(),
                from,
                disturbance: Some(fault),
            })
        });
        rules.collect()
    }

    pub(super) fn watch(&self, link: &str, from: Ipv4Addr) -> Watch {
        let mut links = self.0.lock();
        let rules = links.entry(link.to_owned()).or_default();
        let now = rules.holds_for(network(from));
        rules.cells.entry(network(from)).or_insert_with(|| watch::Sender::new(now)).subscribe()
    }
}

fn network(address: Ipv4Addr) -> Network {
    let [a, b, c, _] = address.octets();
    [a, b, c]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHENZHEN: Ipv4Addr = Ipv4Addr::new(127, 10, 1, 2);
    const CHENGDU: Ipv4Addr = Ipv4Addr::new(127, 10, 2, 2);

    fn rules() -> Rules {
        let link = LinkSpec {
            name: "a".into(),
            listen: "127.0.0.1:1".parse().unwrap(),
            target: "127.0.0.1:2".parse().unwrap(),
        };
        Rules::new(&[link])
    }

    fn rule(from: Option<Ipv4Addr>, disturbance: Option<Disturbance>) -> Rule {
        Rule { link: "a".into(), from, disturbance }
    }

    #[test]
    fn a_rule_with_a_name_wins_over_the_one_for_everyone_else() {
        let rules = rules();
        let (shenzhen, chengdu) = (rules.watch("a", SHENZHEN), rules.watch("a", CHENGDU));
        rules.set(&rule(None, Some(Disturbance::Drop))).unwrap();
        rules.set(&rule(Some(SHENZHEN), Some(Disturbance::Cut))).unwrap();
        assert_eq!(
            (*shenzhen.borrow(), *chengdu.borrow()),
            (Some(Disturbance::Cut), Some(Disturbance::Drop))
        );
        rules.set(&rule(Some(SHENZHEN), None)).unwrap();
        assert_eq!(*shenzhen.borrow(), Some(Disturbance::Drop));
        rules.clear();
        assert_eq!((*shenzhen.borrow(), rules.list().len()), (None, 0));
    }

    #[test]
    fn a_rule_for_an_unknown_link_is_refused_by_name() {
        let unknown = Rule { link: "b".into(), from: None, disturbance: None };
        assert!(rules().set(&unknown).unwrap_err().to_string().contains("\"b\""));
    }
}
