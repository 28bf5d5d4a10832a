//! Names that more than one program writes or looks for. They are API: changing one strands objects
//! that an older version left behind.

/// The API group of all Spillway kinds.
pub const GROUP: &str = "kube-federation.io";
/// The version of all Spillway kinds.
pub const VERSION: &str = "v1alpha1";

/// The one field manager of every server-side apply.
pub const FIELD_MANAGER: &str = "spillway";
/// The ingress class of copies: gateways serve it, the members' other ingress controllers do not.
pub const INGRESS_CLASS: &str = "spillway";
/// What an `IngressClass` names as its controller for gateways to serve its Ingresses.
pub const INGRESS_CONTROLLER: &str = "kube-federation.io/region-gateway";
/// Where Spillway keeps its own Secrets and Lease.
pub const SYSTEM_NAMESPACE: &str = "spillway-system";
/// Holds a source back until its copies are gone (or released, by its deletion policy).
pub const FINALIZER: &str = "kube-federation.io/propagation";
/// Appended to the name of a copy that lives beside its source, on a hub that is a member too.
pub const IN_PLACE_SUFFIX: &str = "-spillway";

/// Annotations that people write on a source Ingress or a `MemberCluster`, and that copies carry.
pub mod annotations {
    /// On a source: ordered, comma separated regions. Its presence is what federates a plain Ingress.
    pub const REGION_PRIORITY: &str = "kube-federation.io/region-priority";
    /// On sources and copies: comma separated `host[:port]` or URLs that a redirect may name instead
    /// of the route's own host.
    pub const REDIRECT_ALIASES: &str = "kube-federation.io/redirect-aliases";
    /// On sources and copies: the path that gateways probe.
    pub const PROBE_PATH: &str = "kube-federation.io/probe-path";
    /// On copies: the host that gateways ask for in probes, if it is not the route's own.
    pub const PROBE_HOST: &str = "kube-federation.io/probe-host";
    /// On sources and copies: `All`, `SafeMethods` or `None`.
    pub const SPILL: &str = "kube-federation.io/spill";
    /// On sources and copies: how many bytes the body of a request may have; more is answered 413.
    pub const MAX_BODY_BYTES: &str = "kube-federation.io/max-body-bytes";
    /// On sources and copies: how a route's requests are treated. Those of [`POLICY`] are carried as they are
    /// and read by gateways; docs/balancing.md says what each one means.
    pub const CONNECT_TIMEOUT: &str = "kube-federation.io/connect-timeout-milliseconds";
    /// How long the head of an answer may take.
    pub const RESPONSE_TIMEOUT: &str = "kube-federation.io/response-timeout-milliseconds";
    /// How long the body of an answer may pause.
    pub const IDLE_TIMEOUT: &str = "kube-federation.io/idle-timeout-milliseconds";
    /// How often an idempotent request that was lost is sent once more.
    pub const RETRIES: &str = "kube-federation.io/retries";
    /// Comma separated statuses for which it is, too: 502, 503, 504.
    pub const RETRY_ON_STATUS: &str = "kube-federation.io/retry-on-status";
    /// Over how many seconds an endpoint that becomes ready takes on its full part.
    pub const SLOW_START: &str = "kube-federation.io/slow-start-seconds";
    /// The name of the cookie that keeps a client at its endpoint.
    pub const AFFINITY_COOKIE: &str = "kube-federation.io/affinity-cookie";
    /// Whom the measured concurrency limit holds back: `None`, `Spilled` or `All`.
    pub const CONCURRENCY_LIMIT: &str = "kube-federation.io/concurrency-limit";
    /// All that say how a route's requests are treated.
    pub const POLICY: [&str; 8] = [
        CONNECT_TIMEOUT,
        RESPONSE_TIMEOUT,
        IDLE_TIMEOUT,
        RETRIES,
        RETRY_ON_STATUS,
        SLOW_START,
        AFFINITY_COOKIE,
        CONCURRENCY_LIMIT,
    ];
    /// On sources and copies: `true` rewrites `Link` fields as redirects are.
    pub const REWRITE_LINKS: &str = "kube-federation.io/rewrite-links";
    /// On sources and copies: `true` sends clients that came without TLS to the same URL with `https`.
    pub const HTTPS_REDIRECT: &str = "kube-federation.io/https-redirect";
    /// Those that are `true` or `false`.
    pub const SWITCHES: [&str; 2] = [REWRITE_LINKS, HTTPS_REDIRECT];
    /// On copies: the name of the `RegionPriority` that governs it.
    pub const PRIORITY: &str = "kube-federation.io/priority";
    /// On copies: `namespace/name` of the `FederatedIngress` that it came from.
    pub const SOURCE: &str = "kube-federation.io/source";
    /// On copies: the fingerprint of what the hub last wrote there.
    pub const CONTENT: &str = "kube-federation.io/content";
    /// On what loses the objects: how many deletes at once a person allows.
    pub const ALLOW_DELETES: &str = "kube-federation.io/allow-deletes";
}

/// Labels of copies. Only what carries all three, with our hub's UID, is ever changed or deleted.
pub mod labels {
    /// Who manages the object; the value is [`MANAGED_BY_SPILLWAY`].
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    /// The value of [`MANAGED_BY`].
    pub const MANAGED_BY_SPILLWAY: &str = "spillway";
    /// UID of the hub's `kube-system` namespace: two hubs over one member do not touch each other's.
    pub const HUB_UID: &str = "kube-federation.io/hub-uid";
    /// UID of the object on the hub that this is a copy of.
    pub const SOURCE_UID: &str = "kube-federation.io/source-uid";
}

/// Secrets in [`SYSTEM_NAMESPACE`](super::names::SYSTEM_NAMESPACE).
pub mod secrets {
    /// On the hub: the CA of peer identities (`tls.crt`, `tls.key`, `ca.crt`).
    pub const CA: &str = "spillway-ca";
    /// On a member: its gateways' identity (`tls.crt`, `tls.key`, `ca.crt`).
    pub const GATEWAY_IDENTITY: &str = "spillway-gateway-identity";
    /// Key of a member's kubeconfig in its Secret, unless `connection` names another.
    pub const KUBECONFIG_KEY: &str = "kubeconfig";
    /// Key of the certificate chain.
    pub const TLS_CRT: &str = "tls.crt";
    /// Key of the private key.
    pub const TLS_KEY: &str = "tls.key";
    /// Key of the trusted CAs: two while one replaces the other.
    pub const CA_CRT: &str = "ca.crt";
}

/// The URI name of a member's gateways in their certificate.
#[must_use]
pub fn member_identity(federation: &str, region: &str, member: &str) -> String {
    format!("spiffe://{federation}/region/{region}/member/{member}")
}

/// The URI name of a person who may command, in the certificate of a credential.
#[must_use]
pub fn operator_identity(federation: &str, name: &str) -> String {
    format!("spiffe://{federation}/operator/{name}")
}

/// The URI name of the hub in its certificate.
#[must_use]
pub fn hub_identity(federation: &str) -> String {
    format!("spiffe://{federation}/hub")
}
