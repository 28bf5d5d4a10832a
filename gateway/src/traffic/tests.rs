//! The handle over a config that a test wrote, without a network.
