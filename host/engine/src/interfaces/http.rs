//! Interface `http`: one request within the granted destinations.

use std::path::Path;
use std::sync::Arc;

use ::http::{HeaderName, HeaderValue};
use takeover_logic::link::Fault;

use super::{Side, State};
use crate::bindings::{http, types};
use crate::convert::fault_to_guest;
use crate::grants::{Permission, quoted};
use crate::host::outside::{HttpCall, HttpResponse};
use crate::limits::{HTTP_BODY_BYTES_MAX, HTTP_HEADER_BYTES_MAX, HTTP_HEADERS_MAX};

/// What a component may ask of a server. CONNECT and TRACE are left out: they turn a request into
/// something else.
const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

/// What a component may not say about a message, because it decides where the message goes or
/// where it ends (RFC 9110, 7.2 and 7.6.1; RFC 9112, 6).
const RESERVED: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "upgrade",
    "te",
    "trailer",
    "expect",
];

impl<S: Side> http::Host for State<S> {
    async fn send(&mut self, request: http::Request) -> Result<http::Response, types::Fault> {
        let call = self.admit(self.http_call(request))?;
        self.in_run_mode(Permission::Http).await?;
        let outside = Arc::clone(&self.outside);
        let response = self.wait_for("http", outside.request(call)).await;
        response.map(response_to_guest).map_err(fault_to_guest)
    }
}

impl<S: Side> State<S> {
    fn http_call(&self, request: http::Request) -> Result<HttpCall, Fault> {
        let (url, ca) = self.grants.url(&request.url)?;
        if !METHODS.contains(&request.method.as_str()) {
            let (found, allowed) = (quoted(&request.method), METHODS.join(", "));
            return Err(Fault::Invalid(format!("method {found}, allowed are {allowed}").into()));
        }
        let headers: Vec<(String, String)> =
            request.headers.into_iter().map(|header| (header.name, header.value)).collect();
        check_headers(&headers)?;
        let size = request.body.len();
        if size > HTTP_BODY_BYTES_MAX {
            let text = format!("body: {size} bytes, at most {HTTP_BODY_BYTES_MAX}");
            return Err(Fault::Invalid(text.into()));
        }
        Ok(HttpCall {
            plugin: self.grants.plugin(),
            method: request.method,
            url: url.into(),
            headers,
            body: request.body,
            ca: ca.map(Path::to_path_buf),
            deadline: self.deadline,
        })
    }
}

fn check_headers(headers: &[(String, String)]) -> Result<(), Fault> {
    let invalid = |text: String| Err(Fault::Invalid(text.into()));
    if headers.len() > HTTP_HEADERS_MAX {
        return invalid(format!("{} headers, at most {HTTP_HEADERS_MAX}", headers.len()));
    }
    let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > HTTP_HEADER_BYTES_MAX {
        return invalid(format!("headers: {size} bytes, at most {HTTP_HEADER_BYTES_MAX}"));
    }
    for (name, value) in headers {
        let Ok(known) = HeaderName::from_bytes(name.as_bytes()) else {
            return invalid(format!("header {}: not a name of a header", quoted(name)));
        };
        if RESERVED.contains(&known.as_str()) {
            return invalid(format!("header {known}: set by the host, not by a component"));
        }
        if HeaderValue::from_str(value).is_err() {
            return invalid(format!("header {known}: its value is not visible ASCII on one line"));
        }
    }
    Ok(())
}

fn response_to_guest(mut response: HttpResponse) -> http::Response {
    response.body.truncate(HTTP_BODY_BYTES_MAX);
    let mut bytes_left = HTTP_HEADER_BYTES_MAX;
    let fits = |(name, value): &(String, String)| {
        let left = bytes_left.checked_sub(name.len() + value.len());
        bytes_left = left.unwrap_or(0);
        left.is_some()
    };
    let headers = response.headers.into_iter().take(HTTP_HEADERS_MAX).filter(fits);
    let headers = headers.map(|(name, value)| types::Attribute { name, value }).collect();
    http::Response { status: response.status, headers, body: response.body }
}
