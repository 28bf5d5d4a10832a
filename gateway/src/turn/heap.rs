//! What is written in a turn, and the task that sends it.

use std::future::poll_fn;
use std::io::IoSlice;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::sending::Sending;

/// More than this does not wait for the end of the turn.
const MOST: usize = 256 << 10;

/// What is written in a turn; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn(Arc<Mutex<Heap>>);

#[derive(Debug, Default)]
struct Heap {
    bytes: Vec<u8>,
    /// Whose the bytes are, in order.
    parcels: Vec<Parcel>,
    /// The task that sends.
    sender: Option<Waker>,
    /// It has ended: nothing waits for it any more.
    closed: bool,
}

#[derive(Debug)]
struct Parcel {
    sending: Arc<Sending>,
    length: usize,
}

impl Turn {
    /// None where several threads take turns.
    pub(crate) fn of_this_runtime() -> Option<Self> {
        let flavor = Handle::try_current().ok()?.runtime_flavor();
        (flavor == RuntimeFlavor::CurrentThread).then(Self::default)
    }

    /// Sends at the end of every turn, until it is dropped: every write goes at once then.
    pub(crate) async fn run(self) {
        let running = Running(self);
        poll_fn(|context| {
            running.0.be_woken(context);
            running.0.send();
            Poll::<()>::Pending
        })
        .await;
    }

    fn be_woken(&self, context: &Context<'_>) {
        self.0.lock().sender.get_or_insert_with(|| context.waker().clone()).clone_from(context.waker());
    }

    /// Keeps these pieces for a connection until the end of the turn, unless too much waits already.
    pub(super) fn keep(&self, sending: &Arc<Sending>, pieces: &[IoSlice<'_>], length: usize) -> bool {
        let mut heap = self.0.lock();
        if heap.closed || heap.bytes.len() + length > MOST {
            return false;
        }
        if heap.parcels.is_empty()
            && let Some(sender) = &heap.sender
        {
            sender.wake_by_ref();
        }
        for piece in pieces {
            heap.bytes.extend_from_slice(piece);
        }
        heap.parcels.push(Parcel { sending: Arc::clone(sending), length });
        true
    }

    /// Sends all that is kept.
    pub(super) fn send(&self) {
        let (mut bytes, mut parcels) = {
            let mut heap = self.0.lock();
            (mem::take(&mut heap.bytes), mem::take(&mut heap.parcels))
        };
        let mut rest = &bytes[..];
        for Parcel { sending, length } in parcels.drain(..) {
            let (parcel, behind) = rest.split_at(length);
            rest = behind;
            sending.send(parcel);
        }
        bytes.clear();
        let mut heap = self.0.lock();
        if heap.parcels.is_empty() {
            (heap.bytes, heap.parcels) = (bytes, parcels);
        }
    }
}

/// The turn as long as somebody sends at its end.
struct Running(Turn);

impl Drop for Running {
    fn drop(&mut self) {
        {
            let mut heap = self.0.0.lock();
            (heap.closed, heap.sender) = (true, None);
        }
        self.0.send();
    }
}
