//! Federations in virtual time: the very code of `spillway-decide`, in worlds that a seed makes.
//!
//! A [`world::World`] is plain data: regions, what people want, clients, and what goes wrong when. [`run`]
//! plays it: gateways with their own clocks probe, talk, decide and forward; resolvers cache; clients ask.
//! [`invariants`] look at every step. [`worlds`] plays many and [`shrink`] makes a failing one small.
//! Nothing here sleeps, opens a socket or asks the time.

pub mod invariants;
pub mod run;
pub mod shrink;
pub mod world;
pub mod worlds;
