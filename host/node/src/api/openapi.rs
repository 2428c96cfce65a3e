//! The OpenAPI description, made from the handlers and their types.

use axum::http::header;
use axum::response::IntoResponse;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{agent, metrics, plugins, routes, stream};

/// The whole API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Takeover",
        description = "The control server's API. Every path under /v1 but /v1/agent needs \
                       `Authorization: Bearer TOKEN`; the role viewer may GET, operator may \
                       everything.",
    ),
    paths(
        routes::get_overview, routes::get_events, routes::get_alarms, routes::clear_alarm,
        routes::get_conditions, routes::test_condition, routes::act_on_pair,
        routes::get_application, routes::act_on_application, routes::get_switchovers,
        routes::get_steps,
        routes::get_config, routes::get_plugins, plugins::get_plugin, plugins::act_on_plugin,
        plugins::get_shadow, metrics::get_metrics, routes::get_health, stream::stream, agent::link,
    ),
    modifiers(&Schemes)
)]
struct Api;

/// How callers prove who they are.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        if let Some(components) = &mut api.components {
            let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
            components.add_security_scheme("token", token);
            components.add_security_scheme(
                "certificate",
                SecurityScheme::MutualTls {
                    description: Some("a certificate of the control server's CA".to_owned()),
                    extensions: None,
                },
            );
        }
    }
}

/// The description as JSON, indented; also kept at `host/docs/generated/openapi.json`.
pub fn document() -> String {
    let text = Api::openapi().to_pretty_json();
    text.unwrap_or_else(|error| format!("{{\"error\": {:?}}}", error.to_string())) + "\n"
}

/// Serves it.
pub(super) async fn serve() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document())
}
