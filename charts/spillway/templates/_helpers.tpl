{{/* Names are fixed: the Lease and the Secrets have fixed names too, so a namespace holds one Spillway. */}}
{{- define "spillway.labels" -}}
app.kubernetes.io/name: spillway
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/part-of: spillway
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "spillway.selector" -}}
app.kubernetes.io/name: spillway
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "spillway.image" -}}
{{- $image := .root.Values.image -}}
{{- with $image.registry }}{{ trimSuffix "/" . }}/{{ end }}{{ .name }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* The rules of a file of files/rbac, without the reasons. */}}
{{- define "spillway.rules" -}}
{{- range . }}
- {{ omit . "why" | toYaml | nindent 2 | trim }}
{{- end }}
{{- end }}

{{/* What every pod of ours is: nobody, with nothing. */}}
{{- define "spillway.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "spillway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where pods may go; .values is hub or member. */}}
{{- define "spillway.placement" -}}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 0 }}
{{- end }}
{{- with .values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Apart from each other, as far as the cluster has nodes and zones for that. */}}
{{- define "spillway.spread" -}}
topologySpreadConstraints:
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "spillway.selector" $ | nindent 6 }}
{{- end }}
{{- end }}

{{/* Where pods may connect to; .egress is hub.egress or member.egress, .backends whether all pods of the cluster. */}}
{{- define "spillway.egress" -}}
egress:
# DNS, wherever it is: nodes may have a cache of their own.
- ports:
  - {port: 53, protocol: UDP}
  - {port: 53, protocol: TCP}
{{- if .backends }}
# Backends: pods of any namespace, on any port.
- to:
  - namespaceSelector: {}
{{- end }}
- to:
  {{- range .egress.apiServers }}
  - ipBlock: {cidr: {{ . | quote }}}
  {{- end }}
  ports:
  {{- range .egress.apiServerPorts }}
  - {port: {{ . }}, protocol: TCP}
  {{- end }}
{{- with .egress.peers }}
- to:
  {{- range . }}
  - ipBlock: {cidr: {{ . | quote }}}
  {{- end }}
{{- end }}
{{- with .egress.extra }}
{{ toYaml . }}
{{- end }}
{{- end }}
