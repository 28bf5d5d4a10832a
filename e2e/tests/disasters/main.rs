//! The stories in which something dies: told one after the other in one world, which is healed before each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may fail loudly")]

mod s06_dead_gateway;
mod s07_dead_api_server;
mod s09_dead_controller;
mod s10_thousand_a_second;
mod s11_commands_without_hub;
mod s13_game_day;
mod s14_check;
mod worlds;
