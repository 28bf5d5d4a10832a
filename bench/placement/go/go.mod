module kube-federation.io/spillway/bench/placement

go 1.26
