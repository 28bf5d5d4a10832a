// Command controlplane is every Kubernetes program that a test world needs, in one binary chosen by
// argv[0] (as busybox does): one link step and one file on disk instead of four.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // what the real mains import
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	name := filepath.Base(os.Args[0])
	if name == "controlplane" && len(os.Args) > 1 { // "controlplane kubectl ..." also works
		os.Args = os.Args[1:]
		name = filepath.Base(os.Args[0])
	}
	var c *cobra.Command
	switch name {
	case "etcd":
		etcdmain.Main(os.Args)
		return
	case "kubectl":
		c = cmd.NewDefaultKubectlCommand()
		if err := cli.RunNoErrOutput(c); err != nil {
			util.CheckErr(err)
		}
		return
	case "kube-apiserver":
		c = apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		c = controllermanager.NewControllerManagerCommand()
	default:
		fmt.Fprintf(os.Stderr, "controlplane: unknown program %q; known: etcd, kubectl, kube-apiserver, kube-controller-manager\n", name)
		os.Exit(2)
	}
	os.Exit(cli.Run(c))
}
