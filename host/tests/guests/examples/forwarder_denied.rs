//! Sends what it carries where nobody let it.

guests::forwarder!(|_, _| {
    let request = http::Request {
        method: "POST".to_owned(),
        connection: Some("default".to_owned()),
        url: String::new(),
        headers: Vec::new(),
        body: b"news".to_vec(),
        timeout_ms: None,
        max_redirects: 0,
        max_body_bytes: None,
        fresh_connection: false,
        address_family: http::AddressFamily::Any,
        connect_to: None,
        options: Vec::new(),
    };
    let _ = http::send(&request);
    Ok(Vec::new())
});
