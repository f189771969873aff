// Calls signed by aws4, aws4fetch and the signer of the AWS SDK for JavaScript, in headers and in the query string. Standard input has the calls, standard output the answers.
"use strict";

const crypto = require("node:crypto");
const http = require("node:http");
const { SignatureV4 } = require("@smithy/signature-v4");
const aws4 = require("aws4");
const { AwsClient } = require("aws4fetch");

const { endpoint, credentials, region, calls } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const base = new URL(endpoint);

function send({ method, path, headers, body }) {
  return new Promise((resolve, reject) => {
    const options = { hostname: base.hostname, port: base.port, method, path, headers };
    const request = http.request(options, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode, text }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function withAws4(call, signQuery) {
  const { service, method, path, headers, body } = call;
  const options = { host: base.host, service, region, method, path, headers: { ...headers }, body, signQuery };
  return send(aws4.sign(options, credentials));
}

async function withAws4fetch(call, signQuery) {
  const { service, method, path, headers, body } = call;
  const client = new AwsClient({ ...credentials, service, region, retries: 0 });
  const signed = await client.sign(new URL(path, base), { method, headers, body, aws: { signQuery } });
  const response = await fetch(signed);
  return { status: response.status, text: await response.text() };
}

// The hash that the SDK's signer is given: SHA-256, or HMAC if there is a secret.
class Sha256 {
  constructor(secret) {
    this.hash = secret ? crypto.createHmac("sha256", secret) : crypto.createHash("sha256");
  }
  update(data) {
    this.hash.update(data);
  }
  async digest() {
    return this.hash.digest();
  }
}

async function withSdk(call, signQuery) {
  const { service, method, headers, body } = call;
  const { pathname, searchParams } = new URL(call.path, base);
  const asked = {
    method,
    protocol: base.protocol,
    hostname: base.hostname,
    port: Number(base.port),
    path: pathname,
    query: Object.fromEntries(searchParams),
    headers: { ...headers, host: base.host },
    body,
  };
  const signer = new SignatureV4({ service, region, credentials, sha256: Sha256 });
  // What the call is for stands in a header, wherever the signature does.
  const unhoistableHeaders = new Set(["x-amz-target"]);
  const signed = await (signQuery ? signer.presign(asked, { expiresIn: 300, unhoistableHeaders }) : signer.sign(asked));
  const query = Object.entries(signed.query ?? {}).map((pair) => pair.map(encodeURIComponent).join("="));
  const path = query.length ? `${signed.path}?${query.join("&")}` : signed.path;
  return send({ method, path, headers: signed.headers, body });
}

const SIGNERS = { aws4: withAws4, aws4fetch: withAws4fetch, sdk: withSdk };

async function all() {
  const seen = [];
  for (const call of calls) {
    for (const [signer, sign] of Object.entries(SIGNERS)) {
      for (const inQuery of [false, true]) {
        const { status, text } = await sign(call, inQuery);
        seen.push({ name: call.name, signer, inQuery, status, text });
      }
    }
  }
  process.stdout.write(JSON.stringify(seen));
}

all().catch((error) => {
  console.error(error);
  process.exit(1);
});
