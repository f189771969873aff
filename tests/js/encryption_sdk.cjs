// The AWS Encryption SDK for JavaScript, told line by line what to do: each line of standard input is a request in JSON, and is
// answered by a line of standard output. Endpoint and credentials come from the environment.

const sdk = require("@aws-crypto/client-node");
const { createInterface } = require("node:readline");

const client = sdk.buildClient(sdk.CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);

const keyrings = {
  kms: (wanted) => new sdk.KmsKeyringNode(wanted),
  mrk: (wanted) => sdk.buildAwsKmsMrkAwareStrictMultiKeyringNode(wanted),
  mrkDiscovery: (wanted) => sdk.buildAwsKmsMrkAwareDiscoveryMultiKeyringNode(wanted),
};

// One for the life of this process, as a cache is of use.
const caches = new Map();

function materials({ keyring: { kind, ...wanted }, cache }) {
  const keyring = keyrings[kind](wanted);
  if (!cache) return keyring;
  if (!caches.has(cache)) {
    const backing = sdk.getLocalCryptographicMaterialsCache(10);
    caches.set(cache, new sdk.NodeCachingMaterialsManager({ backingMaterials: keyring, cache: backing, maxAge: 60000 }));
  }
  return caches.get(cache);
}

async function answer(request) {
  if (request.plaintext !== undefined) {
    const options = { encryptionContext: request.context };
    if (request.suite) options.suiteId = sdk.AlgorithmSuiteIdentifier[request.suite];
    const { result } = await client.encrypt(materials(request), Buffer.from(request.plaintext, "base64"), options);
    return { message: result.toString("base64") };
  }
  const { plaintext, messageHeader } = await client.decrypt(materials(request), Buffer.from(request.message, "base64"));
  return { plaintext: plaintext.toString("base64"), context: messageHeader.encryptionContext };
}

async function main() {
  for await (const line of createInterface({ input: process.stdin })) {
    const answered = await answer(JSON.parse(line)).catch((error) => ({ error: `${error.name}: ${error.message}` }));
    process.stdout.write(`${JSON.stringify(answered)}\n`);
  }
}

main();
