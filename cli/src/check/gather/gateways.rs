//! Asking every gateway that is known, at each of its addresses.

use futures::future::join_all;

use crate::check::facts::{Asked, Told};
use crate::operator::{Access, Gateway};

pub(super) async fn ask(access: &Access) -> Vec<Asked> {
    let gateways = access.all();
    let each = gateways.iter().flat_map(one_by_one);
    join_all(each.map(|gateway| one(access, gateway))).await
}

/// Several addresses may be several gateways.
fn one_by_one(gateway: &Gateway) -> impl Iterator<Item = Gateway> + '_ {
    gateway.addresses.iter().map(|address| Gateway { addresses: vec![*address], ..gateway.clone() })
}

async fn one(access: &Access, gateway: Gateway) -> Asked {
    let told = access.inspect(&gateway).await.map(|seen| Told {
        report: seen.report,
        asked: seen.asked,
        answered: seen.answered,
        expires: seen.expires,
    });
    let address = gateway.addresses.first().map(ToString::to_string).unwrap_or_default();
    let told = told.map_err(|error| format!("{error:#}"));
    Asked { member: gateway.member, region: gateway.region, address, told }
}
