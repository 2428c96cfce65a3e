//! The value of an Authorization header (RFC 7616 section 3.4, RFC 3261 section 25.1).

use super::hash::Algorithm;
use crate::limits::CREDENTIAL_PARAMETERS_MAX;

/// Why a value can not be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Another scheme.
    #[error("credentials: not of the scheme Digest")]
    Scheme,
    /// It does not follow the grammar.
    #[error("credentials: not a list of parameters with values")]
    Syntax,
    /// A parameter is there twice.
    #[error("credentials: a parameter is there twice")]
    Repeated,
    /// A parameter is missing.
    #[error("credentials: no {0}")]
    Missing(&'static str),
    /// The algorithm was not offered.
    #[error("credentials: algorithm is neither SHA-256 nor MD5")]
    Algorithm,
    /// The quality of protection was not offered.
    #[error("credentials: qop is not auth")]
    Qop,
    /// The count is not eight hexadecimal digits.
    #[error("credentials: nc is not 8 hexadecimal digits")]
    Count,
}

/// What a client sent to prove itself. Values are as written, without their quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credentials<'a> {
    pub(super) username: &'a [u8],
    pub(super) realm: &'a [u8],
    pub(super) nonce: &'a [u8],
    pub(super) uri: &'a [u8],
    pub(super) response: &'a [u8],
    pub(super) client_nonce: &'a [u8],
    pub(super) count: u32,
    pub(super) count_text: &'a [u8],
    pub(super) algorithm: Algorithm,
}

/// Parameters that are looked at; others are read over.
const NAMES: [&str; 9] =
    ["username", "realm", "nonce", "uri", "response", "cnonce", "nc", "qop", "algorithm"];

impl<'a> Credentials<'a> {
    /// Reads a header value.
    pub(super) fn parse(value: &'a [u8]) -> Result<Credentials<'a>, Malformed> {
        let value = value.trim_ascii();
        let (scheme, mut rest) = value.split_at_checked(7).ok_or(Malformed::Scheme)?;
        let is_digest = scheme.get(..6).is_some_and(|word| word.eq_ignore_ascii_case(b"digest"));
        if !is_digest || !scheme.ends_with(b" ") {
            return Err(Malformed::Scheme);
        }
        let mut values: [Option<&[u8]>; NAMES.len()] = [None; NAMES.len()];
        let mut read = 0;
        while !rest.is_empty() {
            let (name, value, after) = parameter(rest)?;
            rest = after;
            read += 1;
            if read > CREDENTIAL_PARAMETERS_MAX {
                return Err(Malformed::Syntax);
            }
            let at = NAMES.iter().position(|known| name.eq_ignore_ascii_case(known.as_bytes()));
            if let Some(slot) = at.and_then(|at| values.get_mut(at))
                && slot.replace(value).is_some()
            {
                return Err(Malformed::Repeated);
            }
        }
        Self::from_values(values)
    }

    fn from_values(values: [Option<&'a [u8]>; NAMES.len()]) -> Result<Credentials<'a>, Malformed> {
        let [username, realm, nonce, uri, response, cnonce, nc, qop, algorithm] = values;
        let algorithm = match algorithm {
            Some(name) => Algorithm::from_name(name).ok_or(Malformed::Algorithm)?,
            None => Algorithm::Md5,
        };
        if !qop.ok_or(Malformed::Missing("qop"))?.eq_ignore_ascii_case(b"auth") {
            return Err(Malformed::Qop);
        }
        let count_text = nc.ok_or(Malformed::Missing("nc"))?;
        let count = std::str::from_utf8(count_text)
            .ok()
            .filter(|text| text.len() == 8 && text.bytes().all(|c| c.is_ascii_hexdigit()))
            .and_then(|text| u32::from_str_radix(text, 16).ok())
            .ok_or(Malformed::Count)?;
        Ok(Credentials {
            username: username.ok_or(Malformed::Missing("username"))?,
            realm: realm.ok_or(Malformed::Missing("realm"))?,
            nonce: nonce.ok_or(Malformed::Missing("nonce"))?,
            uri: uri.ok_or(Malformed::Missing("uri"))?,
            response: response.ok_or(Malformed::Missing("response"))?,
            client_nonce: cnonce.ok_or(Malformed::Missing("cnonce"))?,
            count,
            count_text,
            algorithm,
        })
    }
}

/// A name, its value, and what follows the comma behind it.
type Parameter<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// The first parameter.
fn parameter(text: &[u8]) -> Result<Parameter<'_>, Malformed> {
    let equals = text.iter().position(|c| *c == b'=').ok_or(Malformed::Syntax)?;
    let (name, rest) = text.split_at_checked(equals).ok_or(Malformed::Syntax)?;
    let name = name.trim_ascii();
    let rest = rest.get(1..).unwrap_or_default().trim_ascii_start();
    let is_token = |c: &u8| c.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(c);
    if name.is_empty() || !name.iter().all(is_token) {
        return Err(Malformed::Syntax);
    }
    let (value, rest) = match rest.strip_prefix(b"\"") {
        Some(quoted) => {
            let end = quoted_end(quoted).ok_or(Malformed::Syntax)?;
            (quoted.get(..end), quoted.get(end + 1..))
        }
        None => {
            let end = rest.iter().position(|c| *c == b',').unwrap_or(rest.len());
            (rest.get(..end).map(<[u8]>::trim_ascii_end), rest.get(end..))
        }
    };
    let (value, rest) = value.zip(rest).ok_or(Malformed::Syntax)?;
    match rest.trim_ascii_start() {
        [] => Ok((name, value, &[])),
        [b',', rest @ ..] => match rest.trim_ascii_start() {
            [] => Err(Malformed::Syntax),
            rest => Ok((name, value, rest)),
        },
        _ => Err(Malformed::Syntax),
    }
}

/// Where a quoted text ends: at a quote without a backslash before it.
fn quoted_end(text: &[u8]) -> Option<usize> {
    let mut is_escaped = false;
    text.iter().position(|c| {
        let is_end = *c == b'"' && !is_escaped;
        is_escaped = *c == b'\\' && !is_escaped;
        is_end
    })
}
