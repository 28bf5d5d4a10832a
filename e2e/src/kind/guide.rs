//! For who visits clusters that were left up: a failover to make and to watch. Commands are whole, so that they can be pasted.

use anyhow::{Context, Result};

use super::Federation;
use super::install::{DNS, HTTP, SWITCHES};
use super::stories::HOST;

impl Federation {
    /// Where things are, and a failover by hand.
    pub fn guide(&self) -> Result<String> {
        let shenzhen = self.member("shenzhen")?.address;
        let chengdu = self.member("chengdu")?.address;
        let hub = self.hub.kubeconfig.to_str().context("the kubeconfig's path")?;
        let spillway = self.program("kubectl-spillway");
        let behaviour = format!("http://{shenzhen}:{SWITCHES}/backends/api-gateway/behaviour");
        let slow = |milliseconds: u32| {
            let latency = format!(r#"{{"latency": {{"kind": "fixed", "milliseconds": {milliseconds}}}}}"#);
            format!("curl -X PUT -H 'Content-Type: application/json' -d '{latency}' {behaviour}")
        };
        Ok(format!(
            "A failover, for you to watch:\n\
             \x20 1. people visit shenzhen; each line counts those in a row who were served alike\n\
             \x20    while sleep 0.1; do curl -s -m 5 -o /dev/null -w '%{{http_code}} by %header{{x-served-by}}\\n' -H 'Host: {HOST}' \
             http://{shenzhen}:{HTTP}/api/; done | uniq -c\n\
             \x20 2. in another terminal, what the regions think\n\
             \x20    watch -n 1 {spillway} --kubeconfig {hub} status\n\
             \x20 3. in a third one: shenzhen is slow\n     {}\n\
             \x20 4. and well again\n     {}\n\
             People who ask DNS go to chengdu, {chengdu}, meanwhile: `dig -p {DNS} @{shenzhen} {HOST}`",
            slow(2000),
            slow(5),
        ))
    }
}
