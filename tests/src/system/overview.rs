//! What operators see of a system in a lab, and judgements of it.
#![expect(clippy::indexing_slicing, reason = "a JSON value reads null where there is nothing")]

use serde_json::Value;

use super::{PAIR, application};
use crate::lab::Node;

/// What operators see, as JSON.
#[derive(Clone, Debug)]
pub struct Overview(pub Value);

impl Overview {
    fn named(&self, list: &str, name: &str) -> &Value {
        let items = self.0[list].as_array();
        items
            .and_then(|items| items.iter().find(|item| item["name"] == name))
            .unwrap_or(&Value::Null)
    }

    /// An application; null where there is none of that name.
    pub fn application(&self, name: &str) -> &Value {
        self.named("applications", name)
    }

    /// Process of the application on a node.
    pub fn pid(&self, node: Node) -> Option<u64> {
        self.application(application(node))["pid"].as_u64()
    }

    /// A host.
    pub fn host(&self, node: Node) -> &Value {
        self.named("hosts", node.name())
    }

    /// The pair.
    pub fn pair(&self) -> &Value {
        self.named("pairs", PAIR)
    }

    /// The term of the last promotion.
    pub fn term(&self) -> u64 {
        self.pair()["term"].as_u64().unwrap_or_default()
    }

    /// Active alarms.
    pub fn alarms(&self) -> Vec<&Value> {
        self.0["alarms"].as_array().into_iter().flatten().collect()
    }

    /// Hosts on which an address is seen.
    pub fn holders(&self, vip: &Value) -> Vec<String> {
        let presence = vip["presence"].as_object().into_iter().flatten();
        presence
            .filter(|(_, verdict)| verdict["is"] == "good")
            .map(|(host, _)| host.clone())
            .collect()
    }

    /// Whether the application of `node` is primary, runs, and its host alone holds every address.
    ///
    /// # Errors
    /// With what is otherwise.
    pub fn is_serving(&self, node: Node) -> Result<(), String> {
        let name = application(node);
        let pair = self.pair();
        if pair["primary"] != name {
            return Err(format!("primary is {}, pair: {}", pair["primary"], pair["state"]));
        }
        let status = &self.application(name)["status"];
        if status != "running" {
            return Err(format!("{name} is {status}"));
        }
        for vip in self.0["vips"].as_array().into_iter().flatten() {
            let holders = self.holders(vip);
            if holders != [node.name()] {
                return Err(format!("{} is on {holders:?}: {}", vip["name"], vip["presence"]));
            }
        }
        Ok(())
    }

    /// The same, and the other application runs as backup and no alarm is active.
    ///
    /// # Errors
    /// With what is otherwise.
    pub fn is_settled(&self, node: Node) -> Result<(), String> {
        self.is_serving(node)?;
        let other = self.application(application(node.other()));
        if other["status"] != "running" || other["run_mode"] != "backup" {
            return Err(format!("{} is {} {}", other["name"], other["status"], other["run_mode"]));
        }
        match self.alarms().as_slice() {
            [] => Ok(()),
            alarms => {
                Err(format!("active alarms: {}", Value::from_iter(alarms.iter().copied().cloned())))
            }
        }
    }
}
