//! TLS in front of a server that has none, with certificates made up for the occasion.

use std::{path::PathBuf, sync::Arc, thread};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_rustls::TlsAcceptor;

use crate::fixtures;

/// Whom a server says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// `localhost`, by the word of the front's own authority.
    Vouched,
    /// `elsewhere.example`, by the word of the same authority.
    Elsewhere,
    /// `localhost` until 2020, by the word of the same authority.
    Expired,
    /// `localhost`, by its own word.
    SelfSigned,
    /// The certificate that `openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost` makes: self-signed, one of an
    /// authority, and without alternative names. Only its time is longer.
    OpenSsl,
}

/// Takes TLS connections on `localhost` and passes their bytes on. It ends with this value.
#[derive(Debug)]
pub struct TlsFront {
    port: u16,
    dir: TempDir,
    end: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl TlsFront {
    /// Starts one in front of `http://` something. With `wants_client`, it talks only to those who have a certificate of
    /// its own authority.
    ///
    /// # Panics
    /// When it cannot listen, or its certificates cannot be made.
    pub fn before(url: &str, wants_client: bool) -> Self {
        Self::speaking(url, wants_client, Identity::Vouched, &[])
    }

    /// Starts one in front of a server of HTTP/2, and talks only to those who offer to speak that.
    ///
    /// # Panics
    /// As [`TlsFront::before`].
    pub fn before_h2(url: &str) -> Self {
        Self::speaking(url, false, Identity::Vouched, &["h2"])
    }

    /// Starts one that is somebody else.
    ///
    /// # Panics
    /// As [`TlsFront::before`].
    pub fn with_identity(url: &str, identity: Identity) -> Self {
        Self::speaking(url, false, identity, &[])
    }

    fn speaking(url: &str, wants_client: bool, identity: Identity, protocols: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let mut config = certificates(&dir, wants_client, identity);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let config = Arc::new(config);
        let target = url.strip_prefix("http://").expect("a plain URL").to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a port");
        let port = listener.local_addr().expect("it has a port").port();
        let (end, ended) = oneshot::channel();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, config, target) => {}
                    _ = ended => {}
                }
            });
        });
        Self { port, dir, end: Some(end), thread: Some(thread) }
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Its own certificate, a PEM file.
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("server.pem")
    }

    /// The certificate of its authority, a PEM file.
    pub fn authority(&self) -> PathBuf {
        self.dir.path().join("authority.pem")
    }

    /// A client's certificate and its key, one PEM file.
    pub fn client(&self) -> PathBuf {
        self.dir.path().join("client.pem")
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        drop(self.end.take());
        self.thread.take().map(thread::JoinHandle::join);
    }
}

async fn serve(listener: TcpListener, config: Arc<ServerConfig>, target: String) {
    let acceptor = TlsAcceptor::from(config);
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, target) = (acceptor.clone(), target.clone());
        tokio::spawn(async move {
            // A client that does not trust us hangs up: that is what some tests are about.
            let Ok(mut inside) = acceptor.accept(stream).await else { return };
            let mut outside = TcpStream::connect(target).await.expect("the server listens");
            let _ = copy_bidirectional(&mut inside, &mut outside).await;
        });
    }
}

/// The certificate of somebody, and its key.
fn identify(identity: Identity, authority: &CertifiedIssuer<'_, KeyPair>) -> (String, String) {
    if identity == Identity::OpenSsl {
        let read =
            |name: &str| std::fs::read_to_string(fixtures().join("tls").join(name)).expect("a fixture");
        return (read("openssl.pem"), read("openssl.key"));
    }
    let name = if identity == Identity::Elsewhere { "elsewhere.example" } else { "localhost" };
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    if identity == Identity::Expired {
        params.not_after = date_time_ymd(2020, 1, 1);
    }
    let key = KeyPair::generate().expect("a key");
    let certificate = match identity {
        Identity::SelfSigned => params.self_signed(&key),
        _ => params.signed_by(&key, authority),
    };
    (certificate.expect("a certificate").pem(), key.serialize_pem())
}

/// An authority, a server's certificate, and what the authority says of a client.
fn certificates(dir: &TempDir, wants_client: bool, identity: Identity) -> ServerConfig {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, "an authority of tests");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let issue = |name: &str| {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        (params.signed_by(&key, &authority).expect("a certificate").pem(), key.serialize_pem())
    };
    let (client, client_key) = issue("client");
    let write = |name: &str, text: String| std::fs::write(dir.path().join(name), text).expect("a file");
    write("authority.pem", authority.pem());
    write("client.pem", client + &client_key);
    let (server, server_key) = identify(identity, &authority);
    write("server.pem", server.clone());
    let chain = vec![CertificateDer::from_pem_slice(server.as_bytes()).expect("a certificate")];
    let secret = PrivateKeyDer::from_pem_slice(server_key.as_bytes()).expect("a key");
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = if wants_client {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).expect("an authority");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        builder.with_client_cert_verifier(verifier.expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    builder.with_single_cert(chain, secret).expect("a configuration")
}
