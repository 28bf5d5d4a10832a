//! What a world is to hold when it is raised.

use serde::{Deserialize, Serialize};

/// What [`World::raise`](super::World::raise) builds. Start from one of the constructors and change fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether one part is there")]
pub struct Options {
    /// A name for people (`world list` prints it).
    pub name: String,
    /// Region names of the members, in order; each gets one member cluster of the same name.
    pub members: Vec<String>,
    /// Start `spillway-controller` against the hub.
    pub controller: bool,
    /// Start one `region-gateway` for each member.
    pub gateways: bool,
    /// Apply a `MemberCluster` object for each member.
    pub declare_members: bool,
    /// Create the Service `default/api-gateway` (port 8080) with one backend on every member.
    pub api_gateway: bool,
    /// Further flags for the controller.
    pub controller_flags: Vec<String>,
    /// Further flags for every gateway.
    pub gateway_flags: Vec<String>,
    /// `RUST_LOG` for controller and gateways.
    pub log: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: String::new(),
            members: Vec::new(),
            controller: true,
            gateways: true,
            declare_members: true,
            api_gateway: true,
            controller_flags: Vec::new(),
            gateway_flags: Vec::new(),
            log: "info".into(),
        }
    }
}

impl Options {
    /// A whole world: hub, the given members, controller, gateways, members declared.
    #[must_use]
    pub fn members(regions: &[&str]) -> Self {
        Self { members: regions.iter().map(|r| (*r).to_owned()).collect(), ..Self::default() }
    }

    /// One control plane with the CRDs and nothing else: for tests of what an API server accepts.
    #[must_use]
    pub fn single_plane() -> Self {
        Self {
            controller: false,
            gateways: false,
            declare_members: false,
            api_gateway: false,
            ..Self::default()
        }
    }

    /// Control planes and backends without the product's programs: for tests of the world itself.
    #[must_use]
    pub fn without_programs(regions: &[&str]) -> Self {
        Self { controller: false, gateways: false, ..Self::members(regions) }
    }
}
