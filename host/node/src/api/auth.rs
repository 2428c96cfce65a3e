//! Who may ask: bearer tokens, known by their SHA-256 only, with the roles viewer and operator.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use sha2::{Digest, Sha256};
use takeover_logic::config::shell::{Role, Token};

use super::error::ApiError;
use super::types::ErrorCode;
use crate::control::shared::Shared;
use crate::pki::hex;

/// Whoever may look: a valid token of any role.
pub(super) struct Viewer;

/// Whoever may act, and under which name.
pub(super) struct Operator(pub(super) Arc<str>);

impl FromRequestParts<Arc<Shared>> for Viewer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        authenticate(parts, shared).map(|_| Self)
    }
}

impl FromRequestParts<Arc<Shared>> for Operator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let token = authenticate(parts, shared)?;
        match token.role {
            Role::Operator => Ok(Self(token.name)),
            Role::Viewer => Err(ApiError::new(
                ErrorCode::Forbidden,
                format!("token {:?} has the role viewer, needed: operator", &*token.name),
            )),
        }
    }
}

fn authenticate(parts: &Parts, shared: &Shared) -> Result<Token, ApiError> {
    let unauthorized = |message| ApiError::new(ErrorCode::Unauthorized, message);
    let presented = parts
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .ok_or_else(|| unauthorized("a token is needed: Authorization: Bearer TOKEN"))?;
    let running = shared.running.load();
    find(&running.shell.tokens, presented.trim())
        .ok_or_else(|| unauthorized("the token is not known"))
}

/// The token whose digest is that of what was presented. Every digest is compared to its end, so
/// that the time says nothing about them.
pub(crate) fn find(tokens: &[Token], presented: &str) -> Option<Token> {
    let digest = hex(&Sha256::digest(presented.as_bytes()));
    let mut found = None;
    for token in tokens {
        if equal(token.sha256.as_bytes(), digest.as_bytes()) {
            found = Some(token);
        }
    }
    found.cloned()
}

fn equal(a: &[u8], b: &[u8]) -> bool {
    let differing = a.iter().zip(b).fold(0, |differing, (a, b)| differing | (a ^ b));
    a.len() == b.len() && std::hint::black_box(differing) == 0
}
