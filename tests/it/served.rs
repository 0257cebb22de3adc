//! The desk's application behind a loopback port, for programs that only speak HTTP.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use watchkeeper::app::App;
use watchkeeper::http::guard::Pace;

pub struct Served {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Serves `app` on a free port until it is dropped.
    pub fn new(app: &Arc<App>) -> Self {
        Self::at(app, Pace::default())
    }

    /// As [`Served::new`], with another idea of how fast a body has to come.
    pub fn at(app: &Arc<App>, pace: Pace) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self::on(app, listener, pace)
    }

    /// Serves on the port of a server that was dropped.
    pub fn again(app: &Arc<App>, address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("the port is free again");
        Self::on(app, listener, Pace::default())
    }

    fn on(app: &Arc<App>, listener: TcpListener, pace: Pace) -> Self {
        let address = listener.local_addr().expect("an address");
        let app = Arc::clone(app);
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = watchkeeper::http::server::start_at(app, listener, None, pace)
                    .expect("it starts");
                tell.send(server.handle()).expect("somebody waits");
                server.await.expect("it serves");
            });
        });
        Self {
            address,
            handle: told.recv().expect("it started"),
            thread: Some(thread),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // The message is sent when the call is made; the server's own thread does the rest.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
