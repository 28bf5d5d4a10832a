//! When what the hub keeps ends: its CA, and the credentials by which it reaches members.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt};
use serde::Deserialize;
use spillway_crds::member_cluster::KubeconfigSecretRef;
use spillway_crds::names::secrets;
use x509_parser::pem::parse_x509_pem;

use super::hub::told;
use crate::check::facts::{Expiring, Objects, Seen};
use crate::hub::Hub;

/// The parts of a kubeconfig that can end.
#[derive(Deserialize)]
struct Kubeconfig {
    users: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    user: User,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct User {
    token: Option<String>,
    client_certificate_data: Option<String>,
}

pub(super) async fn expiring(hub: &Hub, namespace: &str, objects: &Objects) -> Vec<Seen<Expiring>> {
    let api: Api<Secret> = Api::namespaced(hub.client(), namespace);
    let mut found = vec![authority(&api).await];
    for member in objects.members.iter().flatten() {
        if let Some(reference) = &member.spec.connection.kubeconfig_secret_ref {
            found.push(credential(&api, &member.name_any(), reference).await);
        }
    }
    found
}

async fn authority(api: &Api<Secret>) -> Seen<Expiring> {
    let pem = field(api, secrets::CA, secrets::TLS_CRT).await?;
    let ends = certificate(&pem).ok_or_else(|| format!("Secret {}: no certificate", secrets::CA))?;
    Ok(Expiring { what: "the CA of peer identities".to_owned(), ends: Some(ends) })
}

async fn credential(api: &Api<Secret>, member: &str, reference: &KubeconfigSecretRef) -> Seen<Expiring> {
    let text = String::from_utf8(field(api, &reference.name, &reference.key).await?);
    let kubeconfig = text.ok().and_then(|text| serde_saphyr::from_str::<Kubeconfig>(&text).ok());
    let kubeconfig = kubeconfig.ok_or_else(|| format!("Secret {}: no kubeconfig", reference.name))?;
    let ends = kubeconfig.users.iter().filter_map(|named| of_user(&named.user)).min();
    Ok(Expiring { what: format!("the hub's credential at {member}"), ends })
}

/// None: it has no end that could be read in it.
fn of_user(user: &User) -> Option<Timestamp> {
    let token = user.token.as_ref().and_then(|token| token_end(token));
    let pem = user.client_certificate_data.as_ref().and_then(|data| STANDARD.decode(data).ok());
    [token, pem.as_deref().and_then(certificate)].into_iter().flatten().min()
}

/// The claim `exp` (RFC 7519 section 4.1.4). The signature is the API server's business.
fn token_end(token: &str) -> Option<Timestamp> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    Timestamp::from_second(claims.get("exp")?.as_i64()?).ok()
}

fn certificate(pem: &[u8]) -> Option<Timestamp> {
    let (_, pem) = parse_x509_pem(pem).ok()?;
    let certificate = pem.parse_x509().ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

async fn field(api: &Api<Secret>, name: &str, key: &str) -> Result<Vec<u8>, String> {
    let secret = api.get(name).await.map_err(|error| format!("Secret {name}: {}", told(&error)))?;
    let bytes = secret.data.and_then(|mut data| data.remove(key));
    bytes.map(|bytes| bytes.0).ok_or_else(|| format!("Secret {name}: no key {key}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tokens_end_is_read_and_a_token_without_one_has_none() {
        let token = |claims: &str| format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims));
        let ends = token_end(&token(r#"{"exp": 1795432800}"#)).unwrap();
        assert_eq!(ends.to_string(), "2026-11-23T11:20:00Z");
        for without in [token("{}"), token("[]"), "opaque".to_owned(), String::new()] {
            assert_eq!(token_end(&without), None, "{without}");
        }
    }

    #[test]
    fn a_client_certificates_end_is_read() {
        let mut params = rcgen::CertificateParams::default();
        params.not_after = rcgen::date_time_ymd(2027, 1, 2);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        let data = STANDARD.encode(pem);
        let user = User { client_certificate_data: Some(data), ..User::default() };
        assert_eq!(of_user(&user).unwrap().to_string(), "2027-01-02T00:00:00Z");
    }
}
