//! An authority of the run's own, and encrypted ways to a model server and a database that do not encrypt themselves.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use native_tls::Identity;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_native_tls::TlsAcceptor;

/// What a client of PostgreSQL asks with, before anything else, and the answer that allows it.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const SSL_ALLOWED: u8 = b'S';

/// How OpenSSL is told the roots that it trusts. Both ways name the same: Mozilla's and the run's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Roots {
    /// As deployed: a folder made by `tools/roots/make`.
    OneByOne,
    /// One file, as most systems have it.
    Bundle,
}

pub(super) struct Authority {
    folder: PathBuf,
    acceptor: TlsAcceptor,
}

impl Authority {
    /// The database's name in its certificate.
    pub(super) const DATABASE: &str = "db.example";

    /// Makes a root and a certificate, and both forms of the trusted roots.
    pub(super) fn make(folder: &Path) -> Result<Self> {
        let mozilla = folder.join("mozilla");
        run(Command::new("../tools/roots/make").arg(&mozilla))?;
        let openssl = |text: &str| {
            let mut command = Command::new("openssl");
            run(command
                .current_dir(folder)
                .args("req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256".split(' '))
                .args(text.split(' ')))
        };
        openssl("-keyout root.key -out root.pem -days 2 -subj /CN=bench")?;
        openssl(&format!(
            "-keyout own.key -out own.pem -days 2 -subj /CN=localhost -CA root.pem -CAkey root.key \
             -addext basicConstraints=CA:FALSE -addext subjectAltName=DNS:localhost,DNS:{}",
            Self::DATABASE
        ))?;
        let mut bundle = fs::read_to_string(folder.join("root.pem"))?;
        for root in fs::read_dir(&mozilla)? {
            bundle += &fs::read_to_string(root?.path())?;
        }
        fs::write(folder.join("bundle.pem"), bundle)?;
        run(Command::new("../tools/roots/make")
            .arg(folder.join("roots"))
            .arg("--bundle")
            .arg(folder.join("bundle.pem")))?;
        let identity = Identity::from_pkcs8(&fs::read(folder.join("own.pem"))?, &fs::read(folder.join("own.key"))?)?;
        let acceptor = native_tls::TlsAcceptor::new(identity)?.into();
        Ok(Self { folder: folder.to_owned(), acceptor })
    }

    /// A function's settings.
    pub(super) fn settings(&self, roots: Roots) -> Vec<(&'static str, String)> {
        let path = |name| self.folder.join(name).display().to_string();
        match roots {
            Roots::OneByOne => vec![("SSL_CERT_DIR", path("roots")), ("SSL_CERT_FILE", "/dev/null".to_owned())],
            Roots::Bundle => vec![("SSL_CERT_FILE", path("bundle.pem"))],
        }
    }

    /// Decrypts for a server.
    pub(super) async fn listen_before(&self, server: SocketAddr) -> Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let acceptor = self.acceptor.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let server = TcpStream::connect(server).await?;
                    server.set_nodelay(true)?;
                    pass_on(&acceptor, client, server).await
                });
            }
        });
        Ok(address)
    }

    /// Decrypts for a database that listens at a socket in a folder.
    pub(super) async fn listen_before_database(&self, folder: PathBuf) -> Result<SocketAddr> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let acceptor = self.acceptor.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (acceptor, folder) = (acceptor.clone(), folder.clone());
                tokio::spawn(async move {
                    let mut request = [0; SSL_REQUEST.len()];
                    client.read_exact(&mut request).await?;
                    ensure!(request == SSL_REQUEST, "a client does not encrypt");
                    client.write_u8(SSL_ALLOWED).await?;
                    pass_on(&acceptor, client, UnixStream::connect(folder.join(".s.PGSQL.5432")).await?).await
                });
            }
        });
        Ok(address)
    }
}

async fn pass_on(
    acceptor: &TlsAcceptor,
    client: TcpStream,
    mut server: impl AsyncRead + AsyncWrite + Unpin,
) -> Result<()> {
    client.set_nodelay(true)?;
    let mut client = acceptor.accept(client).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// Runs a command to its end.
fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().display().to_string();
    let done = command.output().with_context(|| format!("cannot start {name}"))?;
    ensure!(done.status.success(), "{name} fails: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}
