//! The region gateway beside `HAProxy`, nginx, Envoy and Traefik: `make bench-gateway`.
//!
//! The proxy that is measured has one core to itself, `h2load` and the backend have another. All get the same load.
//! What is measured, and how, is told in docs/gateway-bench.md.

mod args;
mod backend;
mod case;
mod conduct;
mod cores;
mod figures;
mod files;
mod idle;
mod load;
mod machine;
mod process;
mod proxies;
mod report;
mod run;

use clap::Parser;

fn main() -> anyhow::Result<()> {
    let args = args::Args::parse();
    match args.part {
        Some(args::Part::Report) => report::again(&args.places()),
        None => conduct::run(&args),
    }
}
