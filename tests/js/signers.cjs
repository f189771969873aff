// Calls signed by aws4 and aws4fetch, in headers and in the query string. Standard input has the calls, standard output the answers.
"use strict";

const http = require("node:http");
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

async function all() {
  const seen = [];
  for (const call of calls) {
    for (const [signer, sign] of Object.entries({ aws4: withAws4, aws4fetch: withAws4fetch })) {
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
