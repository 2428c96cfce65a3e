//! One HTTP request on a connection of its own.
//!
//! Must not know what is asked. There is no redirect, proxy, cookie, cache, decompression or second
//! try here, because none of them was written.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use takeover_engine::host::outside::{HttpCall, HttpResponse};
use takeover_engine::limits::HTTP_BODY_BYTES_MAX;
use takeover_logic::link::Fault;
use tokio::io::{AsyncRead, AsyncWrite};

use super::authorities::Authorities;
use super::reach::{Resolver, without_brackets};
use super::{Task, chain, failed, invalid, unavailable};
use crate::limits::{HTTP_HEAD_BYTES_MAX, HTTP_HEADERS_MAX};

/// Sends the request and reads the answer.
///
/// # Cancel safety
/// Dropping the future closes the connection; the server may have carried the request out.
pub(super) async fn request(
    resolver: &Resolver,
    authorities: &Authorities,
    call: HttpCall,
) -> Result<HttpResponse, Fault> {
    let target = Target::of(&call.url)?;
    let deadline = call.deadline;
    let ca = call.ca.clone();
    let request = target.request(call)?;
    let stream = resolver.connect(&target.host, target.port, deadline).await?;
    if target.is_secure {
        let trusted = authorities.of(ca).await?;
        let stream = trusted.secure(stream, &target.host, &target.peer).await?;
        exchange(&target, stream, request).await
    } else {
        exchange(&target, stream, request).await
    }
}

/// Where a URL points.
struct Target {
    is_secure: bool,
    /// Without brackets.
    host: String,
    port: u16,
    /// Host and port as the URL has them, which is also what faults name: never the path, which
    /// may hold a token.
    peer: String,
    path: String,
}

impl Target {
    fn of(url: &str) -> Result<Self, Fault> {
        let wrong = |why: &str| invalid(format!("http: the URL {why}"));
        let uri: Uri = url.parse().map_err(|error| wrong(&format!("can not be read: {error}")))?;
        let (is_secure, usual_port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => return Err(wrong("is neither http nor https")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("has a user name or password in it"));
        }
        // A port that can not be read is found here as none.
        let port = match (authority.port_u16(), authority.as_str().strip_prefix(authority.host())) {
            (Some(0), _) => return Err(wrong("has port 0")),
            (Some(port), _) => port,
            (None, Some("")) => usual_port,
            (None, _) => return Err(wrong("has a port that is none")),
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            is_secure,
            host: without_brackets(authority.host()).to_owned(),
            port,
            peer: authority.to_string(),
            // `http://host?query` has no path.
            path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
        })
    }

    fn request(&self, call: HttpCall) -> Result<Request<Full<Bytes>>, Fault> {
        let peer = &self.peer;
        let method = match call.method.as_str() {
            "GET" => Method::GET,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            "HEAD" => Method::HEAD,
            _ => {
                return Err(invalid(format!(
                    "{peer}: method: allowed are GET, POST, PUT, PATCH, DELETE and HEAD"
                )));
            }
        };
        let path: Uri = self
            .path
            .parse()
            .map_err(|error| invalid(format!("{peer}: path can not be read: {error}")))?;
        let mut request = Request::new(Full::new(Bytes::from(call.body)));
        *request.method_mut() = method;
        *request.uri_mut() = path;
        *request.headers_mut() = headers(peer, call.headers)?;
        Ok(request)
    }
}

/// Headers that say how the connection and the message are read. A component that could set them
/// would reach another virtual host than the granted one, or put a second request into its first.
const OWN_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn headers(peer: &str, given: Vec<(String, String)>) -> Result<HeaderMap, Fault> {
    if given.len() > HTTP_HEADERS_MAX {
        return Err(invalid(format!(
            "{peer}: {} headers, allowed at most {HTTP_HEADERS_MAX}",
            given.len()
        )));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let wrong = |why: &str| invalid(format!("{peer}: header {name}: {why}"));
        let parsed: HeaderName = name.parse().map_err(|_| wrong("is no name of a header"))?;
        if OWN_HEADERS.contains(&parsed.as_str()) {
            return Err(wrong("is set by the host, not by components"));
        }
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| wrong("has a character in its value that no header may have"))?;
        headers.append(parsed, value);
    }
    let host = HeaderValue::from_str(peer)
        .map_err(|_| invalid(format!("{peer}: is no name of a host")))?;
    headers.insert(HOST, host);
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if !headers.contains_key(USER_AGENT) {
        let agent = concat!("takeover/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    }
    Ok(headers)
}

async fn exchange(
    target: &Target,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<HttpResponse, Fault> {
    let fault = |error: hyper::Error| http_fault(&target.peer, &error);
    let mut builder = http1::Builder::new();
    builder.max_headers(HTTP_HEADERS_MAX).max_buf_size(HTTP_HEAD_BYTES_MAX);
    let (mut sender, connection) =
        builder.handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await.map_err(fault)?;
    // Its errors come out at the sender, too. Ending it closes the connection.
    let _driven = Task(tokio::spawn(async move { drop(connection.await) }));
    let (head, mut body) = sender.send_request(request).await.map_err(fault)?.into_parts();
    let mut kept = Vec::new();
    while kept.len() < HTTP_BODY_BYTES_MAX
        && let Some(frame) = next(&mut body).await.map_err(fault)?
    {
        let room = HTTP_BODY_BYTES_MAX - kept.len();
        kept.extend_from_slice(frame.get(..frame.len().min(room)).unwrap_or_default());
    }
    Ok(response(Response::from_parts(head, kept)))
}

/// The next piece of a body; trailers are left out.
async fn next(body: &mut Incoming) -> Result<Option<Bytes>, hyper::Error> {
    match body.frame().await {
        Some(frame) => Ok(Some(frame?.into_data().unwrap_or_default())),
        None => Ok(None),
    }
}

fn response(response: Response<Vec<u8>>) -> HttpResponse {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter();
    HttpResponse {
        status: response.status().as_u16(),
        headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: response.into_body(),
    }
}

/// What an error of the exchange means to a component.
fn http_fault(peer: &str, error: &hyper::Error) -> Fault {
    if error.is_parse_too_large() {
        return failed(format!(
            "{peer}: the head of the answer has more than {HTTP_HEADERS_MAX} headers or \
             {HTTP_HEAD_BYTES_MAX} bytes"
        ));
    }
    if error.is_parse() {
        return failed(format!("{peer}: the answer is no HTTP: {}", chain(error)));
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return unavailable(format!("{peer}: the connection was closed before the answer's end"));
    }
    unavailable(format!("{peer}: {}", chain(error)))
}
