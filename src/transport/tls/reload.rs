//! What a channel keeps of TLS between its connections, and when it reads certificates anew.

use std::path::{Path, PathBuf};

use tokio::sync::Mutex;

use crate::transport::error::{Error, Step};
use crate::transport::tls::client::{ClientTlsConfig, TlsConnector};

/// The TLS of a channel. All its connections resume each other's sessions, as long as no certificate changes.
#[derive(Debug)]
pub(crate) struct ClientTls {
    config: ClientTlsConfig,
    host: String,
    loaded: Mutex<Option<Loaded>>,
}

/// What the latest connection used.
#[derive(Debug)]
struct Loaded {
    /// The files as they were then.
    contents: Vec<Vec<u8>>,
    connector: TlsConnector,
}

impl ClientTls {
    /// `host` is the name that the server's certificate must be for, unless the settings name another.
    pub(crate) fn new(config: ClientTlsConfig, host: &str) -> Self {
        ClientTls { config, host: host.to_owned(), loaded: Mutex::default() }
    }

    /// What performs the next handshake.
    ///
    /// # Errors
    /// The settings cannot be used, and never could.
    pub(crate) async fn connector(&self) -> Result<TlsConnector, Error> {
        let mut loaded = self.loaded.lock().await;
        let paths = self.config.paths();
        if let Some(loaded) = &*loaded
            && paths.is_empty()
        {
            return Ok(loaded.connector.clone());
        }
        let before = loaded.as_ref().map(|loaded| loaded.contents.clone());
        let (config, host) = (self.config.clone(), self.host.clone());
        let load = tokio::task::spawn_blocking(move || load(&config, &host, &paths, before.as_deref()));
        let reloaded = load.await.unwrap_or_else(|ended| Err(Error::new(Step::Tls, ended.to_string())));
        match (reloaded, &*loaded) {
            (Ok(Some(new)), _) => Ok(loaded.insert(new).connector.clone()),
            (Ok(None), Some(same)) => Ok(same.connector.clone()),
            (Ok(None), None) => Err(Error::new(Step::Tls, "nothing is loaded")),
            (Err(error), Some(old)) => {
                tracing::warn!(%error, "changed certificates cannot be used; those from before are");
                Ok(old.connector.clone())
            }
            (Err(error), None) => Err(error),
        }
    }
}

/// Reads all files, and makes of them what connections need; `None` if they hold what they held `before`.
fn load(
    config: &ClientTlsConfig,
    host: &str,
    paths: &[PathBuf],
    before: Option<&[Vec<u8>]>,
) -> Result<Option<Loaded>, Error> {
    let contents = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    if before == Some(&*contents) {
        return Ok(None);
    }
    let connector = config.with_contents(&contents).connector(host)?;
    Ok(Some(Loaded { contents, connector }))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| {
        Error::new(Step::Tls, format!("the certificate or key {} cannot be read: {error}", path.display()))
            .with_hint("is the path right, and may this user read it?")
            .with_source(error)
    })
}
