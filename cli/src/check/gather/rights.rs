//! Asking the API server what somebody may do.

use futures::{StreamExt, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview,
    SubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

use super::hub::told;
use crate::check::facts::{Answered, Question, Seen};
use crate::hub::Hub;

const AT_ONCE: usize = 8;

/// What whoever asks may do.
pub(super) async fn mine(hub: &Hub, questions: Result<Vec<Question>, String>) -> Seen<Vec<Answered>> {
    let api: Api<SelfSubjectAccessReview> = Api::all(hub.client());
    let ask = |question: Question| {
        let api = api.clone();
        async move {
            let resource_attributes = Some(attributes(&question));
            let spec = SelfSubjectAccessReviewSpec { resource_attributes, ..Default::default() };
            let review = SelfSubjectAccessReview { spec, ..Default::default() };
            let answer = api.create(&PostParams::default(), &review).await;
            let allowed = answer.map(|review| review.status.is_some_and(|status| status.allowed));
            Answered { question, allowed: allowed.map_err(|error| told(&error)) }
        }
    };
    Ok(stream::iter(questions?).map(ask).buffered(AT_ONCE).collect().await)
}

/// What an account may do.
pub(super) async fn of(
    hub: &Hub,
    user: &str,
    questions: Result<Vec<Question>, String>,
) -> Seen<Vec<Answered>> {
    let api: Api<SubjectAccessReview> = Api::all(hub.client());
    let ask = |question: Question| {
        let (api, user) = (api.clone(), Some(user.to_owned()));
        async move {
            let resource_attributes = Some(attributes(&question));
            let spec = SubjectAccessReviewSpec { user, resource_attributes, ..Default::default() };
            let review = SubjectAccessReview { spec, ..Default::default() };
            let answer = api.create(&PostParams::default(), &review).await;
            let allowed = answer.map(|review| review.status.is_some_and(|status| status.allowed));
            Answered { question, allowed: allowed.map_err(|error| told(&error)) }
        }
    };
    Ok(stream::iter(questions?).map(ask).buffered(AT_ONCE).collect().await)
}

fn attributes(question: &Question) -> ResourceAttributes {
    let Question { namespace, group, resource, subresource, name, verb } = question.clone();
    ResourceAttributes {
        namespace,
        group: Some(group),
        resource: Some(resource),
        subresource: Some(subresource).filter(|subresource| !subresource.is_empty()),
        name,
        verb: Some(verb),
        ..ResourceAttributes::default()
    }
}
