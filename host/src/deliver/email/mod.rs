//! Email: the built-in receiver that needs nobody's service but a mail server.
//!
//! Flows in: notifications. Flows out: emails, handed to one server. lettre composes (`compose`, with `html`); the conversation
//! (`smtp`, `reply`) is ours, so that it uses the same dialler and the same trust as everything else, and knows to the byte when an
//! email may have arrived. A connection is made for each email and none is kept: a receiver is sent at most one a second.
//!
//! What a refusal means: 4xx is for later. 5xx about the email or all of its recipients is final. 5xx about us (greeting,
//! login) would meet every email alike and ends when somebody mends it, so emails wait for that.

mod compose;
mod html;
mod reply;
mod smtp;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lettre::message::Mailbox;
use tokio::io::{AsyncRead, AsyncWrite};

pub use self::compose::Head;
use self::{
    reply::{Class, Reply},
    smtp::{Conversation, Fault, Stage},
};
use super::{
    outgoing::Outgoing,
    transport::{Sending, Transport},
};
use crate::{
    capability::{
        dial::{Dialer, Family, Goal},
        tls::{TlsError, Trust},
    },
    clock::Instant,
    config::{self, EmailSecurity},
    dispatch::{Attempt, MessageId},
    secret::Secret,
};

/// Wait after a server refused us: most count failed logins, and lock an account that fails several times within minutes.
const REFUSED_WAIT: Duration = Duration::from_secs(15 * 60);

/// Emails of which is remembered who has them, while others still have to be tried.
const PARTIAL_MAX: usize = 1_000;

/// Where emails go, and from whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name or address of the server.
    pub host: String,
    /// Usually 587, 465 or 25.
    pub port: u16,
    /// How it is kept from others.
    pub security: EmailSecurity,
    /// Whom to trust.
    pub tls: config::TlsOptions,
    /// Who logs in, and with what; None: nobody.
    pub login: Option<(String, Secret)>,
    /// What its head says.
    pub head: Head,
    /// Who gets it and is not named in it.
    pub bcc: Vec<Mailbox>,
    /// How we call ourselves; None: by our address.
    pub hello: Option<String>,
}

impl Settings {
    /// As configured. Errors: something is no address.
    pub fn of(email: &config::Email) -> Result<Self, String> {
        let mailbox = |text: &String| {
            let parsed = text.parse::<Mailbox>();
            parsed.map_err(|error| format!("`{text}` is no address: {error}"))
        };
        let all = |texts: &[String]| texts.iter().map(mailbox).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            host: email.server.clone(),
            port: email.port,
            security: email.security,
            tls: email.tls.clone(),
            login: email.user.clone().zip(email.password.clone()),
            head: Head {
                from: mailbox(&email.from)?,
                to: all(&email.to)?,
                cc: all(&email.cc)?,
                reply_to: email.reply_to.as_ref().map(mailbox).transpose()?,
            },
            bcc: all(&email.bcc)?,
            hello: email.hello.clone(),
        })
    }

    /// Everybody who gets it, each once.
    fn recipients(&self) -> Vec<String> {
        let all = self.head.to.iter().chain(&self.head.cc).chain(&self.bcc);
        let mut each: Vec<String> = Vec::new();
        for address in all.map(|mailbox| mailbox.email.to_string()) {
            if !each.contains(&address) {
                each.push(address);
            }
        }
        each
    }
}

/// Sends emails.
pub struct Email {
    settings: Settings,
    dialer: Dialer,
    trust: Trust,
    /// Who has an email already that others could not be given.
    partial: Mutex<BTreeMap<MessageId, BTreeSet<String>>>,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Where and why an attempt ended.
struct Ended {
    stage: Stage,
    fault: Fault,
}

/// What the server said about each recipient.
#[derive(Default)]
struct Judged {
    taken: Vec<String>,
    later: Vec<(String, Reply)>,
    never: Vec<(String, Reply)>,
}

impl Email {
    /// Reaches nothing yet.
    pub fn new(settings: Settings, dialer: Dialer, trust: Trust) -> Self {
        Self {
            settings,
            dialer,
            trust,
            partial: Mutex::default(),
        }
    }

    async fn attempt(&self, outgoing: &Outgoing, deadline: Instant) -> Attempt {
        let email = match compose::email(&self.settings.head, outgoing) {
            Ok(email) => email,
            Err(problem) => {
                let message = format!("the email cannot be written: {problem}");
                return Attempt::Permanent { message };
            }
        };
        let left = self.left(outgoing.message.id);
        match self.talk(&email, &left, deadline).await {
            Ok(judged) => self.judge(outgoing.message.id, judged),
            Err(ended) => ended.attempt(&self.settings),
        }
    }

    /// Recipients who do not have it yet.
    fn left(&self, id: MessageId) -> Vec<String> {
        let partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        let have = partial.get(&id);
        let all = self.settings.recipients().into_iter();
        all.filter(|to| have.is_none_or(|have| !have.contains(to))).collect()
    }

    async fn talk(&self, email: &[u8], left: &[String], deadline: Instant) -> Result<Judged, Ended> {
        let at = |stage| move |fault| Ended { stage, fault };
        let goal = Goal {
            host: &self.settings.host,
            port: self.settings.port,
            // The server is named by whoever administers this host: it may be anywhere but where nothing may ever be.
            addresses: &config::Addresses::Private,
            family: Family::Any,
            connect_to: None,
            deadline,
        };
        let dialled = self.dialer.dial(goal).await;
        let dialled = dialled.map_err(|failure| at(Stage::Connecting)(Fault::Broken(failure.error.to_string())))?;
        let hello = self.settings.hello.clone().unwrap_or_else(|| literal(&dialled.stream));
        match self.settings.security {
            EmailSecurity::Open => {
                let mut server = Conversation::new(dialled.stream, deadline);
                server.greeting().await.map_err(at(Stage::Greeting))?;
                self.hand_over(server, &hello, email, left).await
            }
            EmailSecurity::StartTls => {
                let mut server = Conversation::new(dialled.stream, deadline);
                server.greeting().await.map_err(at(Stage::Greeting))?;
                server.hello(&hello).await.map_err(at(Stage::Hello))?;
                let bare = server.starttls().await.map_err(at(Stage::Encrypting))?;
                let stream = self.encrypted(bare, deadline).await.map_err(at(Stage::Encrypting))?;
                self.hand_over(Conversation::new(stream, deadline), &hello, email, left)
                    .await
            }
            EmailSecurity::Tls => {
                let stream = self.encrypted(dialled.stream, deadline).await;
                let mut server = Conversation::new(stream.map_err(at(Stage::Encrypting))?, deadline);
                server.greeting().await.map_err(at(Stage::Greeting))?;
                self.hand_over(server, &hello, email, left).await
            }
        }
    }

    async fn encrypted<S>(
        &self,
        stream: S,
        deadline: Instant,
    ) -> Result<impl AsyncRead + AsyncWrite + Unpin + use<S>, Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let client = self.trust.client(&self.settings.tls);
        let client = client.map_err(|error: TlsError| Fault::Broken(error.to_string()))?;
        let shaken = client.handshake(&self.settings.host, &[], stream, deadline).await;
        let (stream, _) = shaken.map_err(|failure| Fault::Broken(failure.to_string()))?;
        Ok(stream)
    }

    /// From the hello that counts to the end.
    async fn hand_over<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut server: Conversation<S>,
        hello: &str,
        email: &[u8],
        left: &[String],
    ) -> Result<Judged, Ended> {
        let at = |stage| move |fault| Ended { stage, fault };
        server.hello(hello).await.map_err(at(Stage::Hello))?;
        if let Some((user, password)) = &self.settings.login {
            server.login(user, password).await.map_err(at(Stage::Login))?;
        }
        let from = self.settings.head.from.email.to_string();
        server.sender(&from).await.map_err(at(Stage::Sender))?;
        let mut judged = Judged::default();
        for to in left {
            let reply = server.recipient(to).await.map_err(at(Stage::Recipients))?;
            match reply.class() {
                Class::Good => judged.taken.push(to.clone()),
                Class::Later => judged.later.push((to.clone(), reply)),
                Class::Never => judged.never.push((to.clone(), reply)),
            }
        }
        if !judged.taken.is_empty() {
            server.content(email).await.map_err(at(Stage::Content))?;
            server.end().await.map_err(at(Stage::Taken))?;
        }
        server.quit().await;
        Ok(judged)
    }

    /// What it means together: as long as somebody may get it later, it is tried again, for those only.
    fn judge(&self, id: MessageId, judged: Judged) -> Attempt {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        let said = |refused: &[(String, Reply)]| {
            let each: Vec<String> = refused
                .iter()
                .map(|(to, reply)| format!("{to}: {}", reply.shown()))
                .collect();
            each.join("; ")
        };
        if !judged.later.is_empty() {
            if partial.len() >= PARTIAL_MAX {
                partial.pop_first();
            }
            partial.entry(id).or_default().extend(judged.taken);
            return Attempt::Transient {
                message: format!("not taken yet for {}", said(&judged.later)),
                retry_after: None,
                is_ambiguous: false,
            };
        }
        let before = partial.remove(&id).unwrap_or_default();
        if judged.taken.is_empty() && before.is_empty() && !judged.never.is_empty() {
            return Attempt::Permanent {
                message: format!("refused for {}", said(&judged.never)),
            };
        }
        let refused = judged.never.iter();
        let receipt = refused.map(|(to, reply)| ("refused".to_owned(), format!("{to}: {}", reply.shown())));
        Attempt::Delivered {
            receipt: receipt.collect(),
        }
    }
}

/// How somebody is called who has no name: by address (RFC 5321, 4.1.3).
fn literal(stream: &tokio::net::TcpStream) -> String {
    match stream.local_addr().map(|address| address.ip()) {
        Ok(std::net::IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        Ok(std::net::IpAddr::V4(address)) => format!("[{address}]"),
        Err(_) => "localhost".to_owned(),
    }
}

impl Ended {
    fn attempt(&self, settings: &Settings) -> Attempt {
        let Self { stage, fault } = self;
        let message = format!("{}:{}, {stage}: {fault}", settings.host, settings.port);
        let refused = match fault {
            Fault::Refused(reply) => Some(reply.class()),
            Fault::Broken(_) | Fault::Timeout => None,
        };
        if refused == Some(Class::Never) && stage.is_about_the_email() {
            return Attempt::Permanent { message };
        }
        Attempt::Transient {
            message,
            retry_after: (refused == Some(Class::Never)).then_some(REFUSED_WAIT),
            is_ambiguous: refused.is_none() && *stage == Stage::Taken,
        }
    }
}

impl Transport for Email {
    fn send<'s>(&'s self, outgoing: &'s Outgoing, deadline: Instant) -> Sending<'s> {
        Box::pin(self.attempt(outgoing, deadline))
    }
}

#[cfg(test)]
mod tests;
