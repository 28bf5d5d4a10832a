//! One reconcile: what the controller does for an object, short of talking to a cluster.

use spillway_decide::plan::{Change, Owner, Reason, Seen, Synced, Want, change};
use spillway_placement::{Error, Fingerprint, ObjectKey, Row};

use super::holder::Holder;

const HUB: &str = "6f1c2d4e-9a77-4d0b-8f5e-2b7f3f0f7a11";

/// Looks the object up, reads its rows, plans each of them and writes them. Tells how many rows had to change.
pub(crate) fn reconcile<H: Holder>(holder: &H, name: &ObjectKey, wanted: u128) -> Result<usize, Error> {
    let Some(id) = holder.find(name) else { return Ok(0) };
    let mut rows = holder.rows(id)?;
    let changed = rows.iter_mut().map(|row| usize::from(step(row, wanted))).sum();
    holder.write(id, &rows)?;
    Ok(changed)
}

/// The plan of one row, and the row as it is once the plan was carried out and seen.
fn step(row: &mut Row, wanted: u128) -> bool {
    let want = Want::Present { fingerprint: wanted };
    let seen = row.observed.map(seen);
    let planned = change(HUB, want, seen.as_ref(), Synced { hub: true, member: true });
    if planned == Change::Leave(Reason::InStep) {
        return false;
    }
    let says = Some(Fingerprint::new(wanted));
    (row.desired, row.applied, row.observed, row.tries) = (says, says, says, 0);
    true
}

fn seen(observed: Fingerprint) -> Seen {
    let owner = Owner { hub: HUB.to_owned(), source: "0b9f6a53-51c7-4f0a-9c4e-7d2e8f1f6b02".to_owned() };
    Seen {
        owner: Some(owner),
        uid: "c1d5e0aa-3c1e-4a52-b0c5-5a1c9be7d903".to_owned(),
        fingerprint: observed.bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::holder::{Holder, Ours, Std},
        *,
    };
    use crate::{case::MEMBERS, maps::spillway::name};

    fn brings_every_row_in_step_and_then_leaves_it<H: Holder>() {
        let holder = H::new().unwrap();
        let fed = Row { observed: Some(Fingerprint::new(1)), ..Row::default() };
        let id = holder.intern(&name(7)).unwrap();
        holder.write(id, &[fed; MEMBERS as usize]).unwrap();
        assert_eq!(reconcile(&holder, &name(8), 2).unwrap(), 0, "an object that is not known");
        assert_eq!(reconcile(&holder, &name(7), 2).unwrap(), MEMBERS as usize);
        assert_eq!(reconcile(&holder, &name(7), 2).unwrap(), 0, "a second time");
        let says = Some(Fingerprint::new(2));
        assert!(holder.rows(id).unwrap().iter().all(|row| row.desired == says && row.observed == says));
    }

    #[test]
    fn both_holders_reconcile_alike() {
        brings_every_row_in_step_and_then_leaves_it::<Ours>();
        brings_every_row_in_step_and_then_leaves_it::<Std>();
    }
}
