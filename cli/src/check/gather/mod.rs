//! Gathering the facts: everything that talks to a cluster, a gateway or a resolver.

mod credentials;
mod gateways;
mod hub;
mod resolve;
mod rights;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use jiff::Timestamp;
use spillway_crds::permissions::Part;

use super::facts::{Answered, Facts, Installed, Objects, Seen};
use super::permissions::{of_installer, of_operator, of_part};
use super::{Check, Role, names};
use crate::hub::Hub;
use crate::operator::Access;

/// Looks at everything. A cluster that does not answer is a fact, too.
pub(super) async fn facts(check: &Check, hub: &Hub) -> Facts {
    let server = hub::server(hub).await;
    let permissions = match &server.version {
        Ok(_) => permissions(check, hub).await,
        Err(_) => BTreeMap::new(),
    };
    let installed = if check.pre { None } else { Some(installed(check, hub, server.version.is_ok()).await) };
    Facts { now: Timestamp::now(), server, permissions, installed }
}

async fn permissions(check: &Check, hub: &Hub) -> BTreeMap<String, Seen<Vec<Answered>>> {
    let namespace = check.door.namespace();
    let me = hub.whoami().await.unwrap_or_else(|_| "who asks".to_owned());
    if check.pre {
        let parts = match check.role {
            Role::Hub => &[Part::Controller][..],
            Role::Member => &[Part::Gateway, Part::HubAccess],
        };
        return [(me, rights::mine(hub, of_installer(parts, namespace)).await)].into();
    }
    let account = format!("system:serviceaccount:{namespace}:{}", check.account);
    let (mine, hubs) = tokio::join!(
        rights::mine(hub, Ok(of_operator(namespace))),
        rights::of(hub, &account, of_part(Part::Controller, namespace))
    );
    [(me, mine), (account, hubs)].into()
}

async fn installed(check: &Check, hub: &Hub, hub_answers: bool) -> Installed {
    let (controller, objects) = if hub_answers {
        tokio::join!(hub::controller(hub, check.door.namespace()), hub::objects(hub))
    } else {
        (hub::no_controller(), hub::no_objects())
    };
    let gateways = async {
        let access = if hub_answers {
            Access::of(&check.door, async { Ok(hub.clone()) }).await
        } else {
            Access::offline(&check.door)
        };
        match access {
            Ok(access) => Ok(gateways::ask(&access).await),
            Err(error) => Err(format!("{error:#}")),
        }
    };
    let expiring = async {
        if hub_answers {
            credentials::expiring(hub, check.door.namespace(), &objects).await
        } else {
            Vec::new()
        }
    };
    let ((names, zones), gateways, expiring) =
        tokio::join!(resolved(check.resolver, &objects), gateways, expiring);
    Installed { controller, objects, gateways, names, zones, expiring }
}

async fn resolved(
    resolver: Option<SocketAddr>,
    objects: &Objects,
) -> (Vec<super::facts::Name>, Vec<super::facts::Zone>) {
    let (names, zones) = names::wanted(objects);
    resolve::all(resolver, names, zones).await
}
