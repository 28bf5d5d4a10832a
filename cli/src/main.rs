//! `kubectl-spillway`. See the crate `kubectl_spillway`.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    kubectl_spillway::main().await
}
