//! What checks judge: gathered before, so that judging needs no cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde::Serialize;
use spillway_crds::{FederatedIngress, MemberCluster, RegionPriority};
use spillway_decide::report::Report;

/// A fact, or why it could not be had.
pub(super) type Seen<T> = Result<T, String>;

/// Of the hub's API server.
pub(super) struct Server {
    /// Such as `v1.34.1`.
    pub(super) version: Seen<String>,
    pub(super) definitions: Seen<Vec<CustomResourceDefinition>>,
}

/// Of the controller.
pub(super) struct Controller {
    pub(super) deployment: Seen<Option<Workload>>,
    /// Who leads, and since when he has not said so.
    pub(super) lease: Seen<Option<Lease>>,
}

pub(super) struct Workload {
    pub(super) version: String,
    pub(super) wanted: i32,
    pub(super) ready: i32,
}

pub(super) struct Lease {
    pub(super) holder: String,
    pub(super) lasts_seconds: i32,
    pub(super) renewed: Option<Timestamp>,
}

/// One question to the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) namespace: Option<String>,
    pub(super) group: String,
    pub(super) resource: String,
    pub(super) subresource: String,
    pub(super) name: Option<String>,
    pub(super) verb: String,
}

/// What the API server says that somebody may do.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) question: Question,
    pub(super) allowed: Seen<bool>,
}

/// What the hub has.
pub(super) struct Objects {
    pub(super) members: Seen<Vec<MemberCluster>>,
    pub(super) priorities: Seen<Vec<RegionPriority>>,
    pub(super) ingresses: Seen<Vec<FederatedIngress>>,
}

/// A gateway that was asked at one of its addresses.
pub(super) struct Asked {
    pub(super) member: String,
    pub(super) region: String,
    pub(super) address: String,
    pub(super) told: Seen<Told>,
}

/// What it told, and what was seen of it on the way.
#[derive(Clone)]
pub(super) struct Told {
    pub(super) report: Report,
    /// By our clock.
    pub(super) asked: Timestamp,
    /// By our clock.
    pub(super) answered: Timestamp,
    /// When its certificate ends.
    pub(super) expires: Option<Timestamp>,
}

/// A name that people ask for, as resolvers see it.
pub(super) struct Name {
    pub(super) host: String,
    pub(super) priority: String,
    pub(super) addresses: Seen<Vec<IpAddr>>,
}

/// A zone that should be delegated to the gateways.
pub(super) struct Zone {
    pub(super) zone: String,
    pub(super) servers: Seen<Vec<String>>,
}

/// Something that ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Expiring {
    /// Whose it is.
    pub(super) what: String,
    /// None: never.
    pub(super) ends: Option<Timestamp>,
}

/// Everything.
pub(super) struct Facts {
    pub(super) now: Timestamp,
    pub(super) server: Server,
    /// By who is asked about.
    pub(super) permissions: BTreeMap<String, Seen<Vec<Answered>>>,
    /// What is known only once it is installed.
    pub(super) installed: Option<Installed>,
}

pub(super) struct Installed {
    pub(super) controller: Controller,
    pub(super) objects: Objects,
    pub(super) gateways: Seen<Vec<Asked>>,
    pub(super) names: Vec<Name>,
    pub(super) zones: Vec<Zone>,
    pub(super) expiring: Vec<Seen<Expiring>>,
}
