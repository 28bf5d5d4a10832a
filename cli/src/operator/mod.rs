//! People's commands: straight at a gateway, by a credential, with or without the hub.

mod access;
mod credential;
mod gateway;
mod give;
mod issue;
mod list;
mod tls;

pub(crate) use access::{Access, Door};
pub(crate) use credential::Gateway;
pub(crate) use give::{Refused, Said, give, meaning};
pub(crate) use issue::{Issuing, issue};
pub(crate) use list::{list, table as commands_table};
