//! Swagger UI: its files, and the page that starts it.

use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as ARCHIVE;

use crate::openapi::archive;
use crate::openapi::error::OpenApiError;
use crate::openapi::site::{Page, escape_html};

/// Where it is.
pub(crate) const PATH: &str = "/swagger-ui/";

/// The files of Swagger UI that it needs, and what they are.
const FILES: [(&str, &str); 4] = [
    ("swagger-ui.css", "text/css; charset=utf-8"),
    ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ("favicon-32x32.png", "image/png"),
    ("favicon-16x16.png", "image/png"),
];

/// What its licence asks to hand on.
const LEGAL: [&str; 2] = ["LICENSE", "NOTICE"];

/// Starts it on the document beside it. Relative, so that it works behind a proxy that adds a prefix.
const START: &str = "\
window.addEventListener(\"load\", () => {
  window.ui = SwaggerUIBundle({
    url: \"../openapi.json\",
    dom_id: \"#swagger-ui\",
    deepLinking: true,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    validatorUrl: \"none\",
  });
});
";

/// All pages, by path.
///
/// # Errors
/// A file is missing, which is the package's mistake.
pub(crate) fn pages(title: &str, servers: &[String]) -> Result<Vec<(String, Page)>, OpenApiError> {
    let policy = policy(servers);
    let index = Page::new("text/html; charset=utf-8", index(title)).with_policy(&policy);
    let start = Page::new("text/javascript; charset=utf-8", START.to_owned());
    let mut pages = vec![(PATH.to_owned(), index), (format!("{PATH}start.js"), start)];
    for (name, content_type) in FILES {
        pages.push((format!("{PATH}{name}"), archived("dist", name, content_type)?));
    }
    for name in LEGAL {
        pages.push((format!("{PATH}{name}"), archived("", name, "text/plain; charset=utf-8")?));
    }
    Ok(pages)
}

fn archived(folder: &str, name: &str, content_type: &'static str) -> Result<Page, OpenApiError> {
    let slash = if folder.is_empty() { "" } else { "/" };
    // Every path in the archive begins with a folder that names its version.
    match archive::find(ARCHIVE, &format!("/{folder}{slash}{name}")) {
        Some(file) => Ok(Page::archived(content_type, file)),
        None => Err(OpenApiError::new(format!(
            "utoipa-swagger-ui-vendored has no file {name} that can be used; turn off the feature `swagger-ui`, and please report this"
        ))),
    }
}

fn index(title: &str) -> String {
    let title = escape_html(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"swagger-ui.css\">\n\
         <link rel=\"icon\" type=\"image/png\" sizes=\"32x32\" href=\"favicon-32x32.png\">\n\
         <link rel=\"icon\" type=\"image/png\" sizes=\"16x16\" href=\"favicon-16x16.png\">\n</head>\n<body>\n\
         <div id=\"swagger-ui\"></div>\n<script src=\"swagger-ui-bundle.js\"></script>\n\
         <script src=\"start.js\"></script>\n</body>\n</html>\n"
    )
}

/// What the page may load: its own files; and whom it may call: this server, and those that the document names.
/// Swagger UI sets styles from its scripts.
fn policy(servers: &[String]) -> String {
    let mut origins = String::new();
    for origin in servers.iter().filter_map(|url| origin(url)) {
        origins.push(' ');
        origins.push_str(&origin);
    }
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         connect-src 'self'{origins}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// Scheme and authority of an absolute URL.
fn origin(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    let authority = uri.authority()?.as_str().rsplit('@').next()?.to_owned();
    let is_safe = authority.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c));
    is_safe.then(|| format!("{}://{authority}", uri.scheme_str().unwrap_or("http")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_in_the_package() {
        let pages = pages("A & <b>", &[]).expect("none is missing");
        assert_eq!(pages.len(), FILES.len() + LEGAL.len() + 2);
        assert!(index("A & <b>").contains("<title>A &amp; &lt;b&gt;</title>"));
    }

    #[test]
    fn the_policy_names_the_servers_of_the_document() {
        let servers = ["/", "https://api.example.com/v1", "http://127.0.0.1:8080", "https://a;script-src *"];
        let policy = policy(&servers.map(str::to_owned));
        assert!(policy.contains("connect-src 'self' https://api.example.com http://127.0.0.1:8080;"), "{policy}");
        assert!(!policy.contains('*'), "{policy}");
    }
}
