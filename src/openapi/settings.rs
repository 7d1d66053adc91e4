//! What documents are told beside what schemas say.

use crate::gateway::JsonOptions;
use crate::gateway::rule::HttpRule;
use crate::openapi::value::{Object, Value};

/// What documents say of themselves, and of whom.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) title: String,
    pub(crate) version: String,
    pub(crate) description: Option<String>,
    pub(crate) servers: Vec<String>,
    pub(crate) bearer_auth: bool,
    pub(crate) hidden: Vec<String>,
    pub(crate) json: JsonOptions,
    /// Rules beside those of the schemas.
    pub(crate) rules: Vec<HttpRule>,
    /// Whether methods without a rule are answered.
    pub(crate) with_implicit: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            title: "gRPC services".to_owned(),
            version: "1".to_owned(),
            description: None,
            servers: Vec::new(),
            bearer_auth: false,
            hidden: ["grpc.reflection", "grpc.channelz"].map(str::to_owned).to_vec(),
            json: JsonOptions::new(),
            rules: Vec::new(),
            with_implicit: true,
        }
    }
}

impl Settings {
    pub(crate) fn info(&self) -> Object {
        let info = Object::new().with("title", self.title.as_str()).with("version", self.version.as_str());
        info.with_some("description", self.description.as_deref())
    }

    pub(crate) fn servers(&self) -> Vec<Value> {
        let server = |url: &str| Object::new().with("url", url).into();
        if self.servers.is_empty() {
            return vec![server("/")];
        }
        self.servers.iter().map(|url| server(url)).collect()
    }

    /// Whether a service stays out of documents: it, or its package, is hidden.
    pub(crate) fn hides(&self, service: &str) -> bool {
        self.hidden.iter().any(|hidden| {
            service.strip_prefix(hidden.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_hidden_whole() {
        let settings = Settings { hidden: vec!["a.b".to_owned(), "Plain".to_owned()], ..Settings::default() };
        let table =
            [("a.b.C", true), ("a.b", true), ("a.bc.D", false), ("a.C", false), ("Plain", true), ("Plainer", false)];
        for (service, is_hidden) in table {
            assert_eq!(settings.hides(service), is_hidden, "{service}");
        }
    }
}
