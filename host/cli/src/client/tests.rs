//! Addresses, names and errors, without a server.

use takeover::api::types::ErrorCode;

use super::{check_server, exit_of, exit_of_status, segment};
use crate::exit::Exit;

#[track_caller]
fn check(server: &str, expected: Result<bool, &str>) {
    let found = check_server(server).map_err(|failure| {
        assert_eq!(failure.exit(), Exit::Usage);
        failure.sentence().unwrap_or_default().to_owned()
    });
    assert_eq!(found, expected.map_err(|text| format!("server {server:?}: {text}")));
}

#[test]
fn a_token_is_never_sent_in_the_clear_over_a_network() {
    check("https://control.example:8443", Ok(true));
    check("http://127.0.0.1:8787", Ok(false));
    check("http://[::1]:8787", Ok(false));
    check("http://localhost", Ok(false));
    let clear = "http would send the token in the clear: use https";
    check("http://10.0.0.1:8787", Err(clear));
    check("http://localhost.example", Err(clear));
    check("http://127.0.0.1.example", Err(clear));
}

#[test]
fn an_address_that_is_none_is_refused() {
    check("control.example", Err("expected https://HOST:PORT, or http:// on this machine"));
    check("ftp://control", Err("expected https://HOST:PORT, or http:// on this machine"));
    check("https://control/v1", Err("expected https://HOST:PORT and nothing behind it"));
    check("http://localhost@evil.example", Err("expected https://HOST:PORT and nothing behind it"));
}

#[test]
fn a_name_can_not_change_the_path() {
    assert_eq!(segment("sip-1_a.b~c"), "sip-1_a.b~c");
    assert_eq!(segment("../a b?ü"), "..%2Fa%20b%3F%C3%BC");
}

#[test]
fn every_kind_of_error_has_its_exit_code() {
    for (code, exit) in [
        (ErrorCode::NotFound, Exit::Refused),
        (ErrorCode::Conflict, Exit::Refused),
        (ErrorCode::Failed, Exit::Refused),
        (ErrorCode::Unauthorized, Exit::Unauthorized),
        (ErrorCode::Forbidden, Exit::Unauthorized),
        (ErrorCode::Invalid, Exit::Refused),
        (ErrorCode::TooLarge, Exit::Refused),
        (ErrorCode::Unavailable, Exit::Unreachable),
    ] {
        assert_eq!(exit_of(code), exit, "{code:?}");
    }
    assert_eq!(exit_of_status(403), Exit::Unauthorized);
    assert_eq!(exit_of_status(404), Exit::Refused);
    assert_eq!(exit_of_status(502), Exit::Unreachable);
}
