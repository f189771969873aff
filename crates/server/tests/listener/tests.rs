use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, NamedGroup, ProtocolVersion, RootCertStore};
use server::{Gate, Identity, Limits, Port, Proxies, Tls, listen};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";

struct Served {
    address: SocketAddr,
    tls: Arc<Tls>,
    stop: watch::Sender<bool>,
    listening: JoinHandle<()>,
}

impl Served {
    /// Serves with TLS, which shows nothing yet.
    async fn new(limits: Limits) -> Self {
        let gate = Arc::new(Gate::sealed(&[], || "id".to_owned()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let tls = Arc::new(Tls::default());
        let ports = vec![Port { listener, tls: Some(Arc::clone(&tls)) }];
        let listening = tokio::spawn(listen(gate, ports, limits, Proxies::default(), stopping));
        Self { address, tls, stop, listening }
    }

    /// Shows a new certificate, and returns it for clients to trust.
    fn present(&self) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let (chain, key) = (pem("CERTIFICATE", certificate.der()), pem("PRIVATE KEY", key.serialized_der()));
        self.tls.present(&Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap(), None).unwrap();
        certificate.der().clone()
    }

    async fn connect(
        &self,
        trusted: &CertificateDer<'static>,
        groups: Vec<&'static dyn SupportedKxGroup>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let provider = CryptoProvider { kx_groups: groups, ..aws_lc_rs::default_provider() };
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let socket = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, socket).await
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        self.listening.await.unwrap();
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// Sends a request and reads as far as the end of the head.
async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(REQUEST).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn the_post_quantum_exchange_is_preferred() {
    use aws_lc_rs::kx_group::{SECP256R1, SECP384R1, X25519, X25519MLKEM768};
    let served = Served::new(Limits::default()).await;
    let certificate = served.present();
    let cases: [(Vec<&'static dyn SupportedKxGroup>, NamedGroup); 5] = [
        (vec![X25519MLKEM768, X25519], NamedGroup::X25519MLKEM768),
        (vec![X25519MLKEM768], NamedGroup::X25519MLKEM768),
        (vec![X25519], NamedGroup::X25519),
        (vec![SECP256R1], NamedGroup::secp256r1),
        (vec![SECP384R1], NamedGroup::secp384r1),
    ];
    for (groups, expected) in cases {
        let mut stream = served.connect(&certificate, groups).await.unwrap();
        let (_, session) = stream.get_ref();
        assert_eq!(session.negotiated_key_exchange_group().unwrap().name(), expected);
        assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert!(ask(&mut stream).await.starts_with("HTTP/1.1 503 "));
    }
    served.stop().await;
}

#[tokio::test]
async fn without_a_certificate_there_is_no_handshake_and_with_a_new_one_old_connections_stay() {
    let served = Served::new(Limits::default()).await;
    let groups = || aws_lc_rs::DEFAULT_KX_GROUPS.to_vec();
    let nobodys = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    assert!(served.connect(nobodys.cert.der(), groups()).await.is_err());
    let first = served.present();
    let mut kept = served.connect(&first, groups()).await.unwrap();
    let second = served.present();
    assert!(served.connect(&first, groups()).await.is_err());
    served.connect(&second, groups()).await.unwrap();
    for _ in 0..2 {
        assert!(ask(&mut kept).await.starts_with("HTTP/1.1 503 "));
    }
    served.stop().await;
}

#[tokio::test]
async fn stopping_ends_idle_connections_in_the_way_of_tls() {
    let served = Served::new(Limits::default()).await;
    let certificate = served.present();
    let mut idle = served.connect(&certificate, aws_lc_rs::DEFAULT_KX_GROUPS.to_vec()).await.unwrap();
    assert!(ask(&mut idle).await.starts_with("HTTP/1.1 503 "));
    served.stop().await;
    // Without a closing alert this would be an error.
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
}
