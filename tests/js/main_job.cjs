// The main job with the AWS SDK for JavaScript. Endpoint and credentials come from the environment; what was seen goes to
// standard output as JSON, for test_js.py to judge.

const { KMS } = require("@aws-sdk/client-kms");
const { IAM, paginateListUsers } = require("@aws-sdk/client-iam");
const { STS } = require("@aws-sdk/client-sts");
const { CloudTrail, paginateLookupEvents } = require("@aws-sdk/client-cloudtrail");

const document = (...statements) => JSON.stringify({ Version: "2012-10-17", Statement: statements });

const callerWith = (credentials) => ({
  credentials: {
    accessKeyId: credentials.AccessKeyId,
    secretAccessKey: credentials.SecretAccessKey,
    sessionToken: credentials.SessionToken,
  },
});

// The error of a call that must fail.
async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return { name: error.name, message: error.message, status: error.$metadata.httpStatusCode, fault: error.$fault };
  }
  return null;
}

async function main() {
  const [kms, iam, sts, trail] = [new KMS({}), new IAM({}), new STS({}), new CloudTrail({})];
  const seen = {};
  seen.identity = (await sts.getCallerIdentity({})).Arn;
  const account = seen.identity.split(":")[4];

  const key = (await kms.createKey({ Tags: [{ TagKey: "a", TagValue: "b" }] })).KeyMetadata;
  seen.key = { ...key, CreationDate: key.CreationDate instanceof Date };
  const plaintext = Buffer.from("attack at dawn");
  const context = { EncryptionContext: { purpose: "test" } };
  const sealed = (await kms.encrypt({ KeyId: key.KeyId, Plaintext: plaintext, ...context })).CiphertextBlob;
  const opened = await kms.decrypt({ CiphertextBlob: sealed, ...context });
  seen.opened = Buffer.from(opened.Plaintext).toString();
  seen.withoutContext = await refusal(kms.decrypt({ CiphertextBlob: sealed }));
  const dataKey = await kms.generateDataKey({ KeyId: key.KeyId, KeySpec: "AES_256" });
  const same = (await kms.decrypt({ CiphertextBlob: dataKey.CiphertextBlob })).Plaintext;
  seen.dataKey = [dataKey.Plaintext.length, Buffer.compare(Buffer.from(dataKey.Plaintext), Buffer.from(same))];

  await iam.createUser({ UserName: "jane" });
  const access = (await iam.createAccessKey({ UserName: "jane" })).AccessKey;
  const jane = callerWith(access);
  seen.denied = await refusal(new KMS(jane).decrypt({ CiphertextBlob: sealed, ...context }));
  seen.deniedQuery = await refusal(new IAM(jane).listUsers({}));
  const trust = { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${account}:user/jane` }, Action: "sts:AssumeRole" };
  const role = (await iam.createRole({ RoleName: "script", AssumeRolePolicyDocument: document(trust) })).Role;
  const decrypt = { Effect: "Allow", Action: "kms:Decrypt", Resource: key.Arn };
  await iam.putRolePolicy({ RoleName: "script", PolicyName: "p", PolicyDocument: document(decrypt) });
  const session = await new STS(jane).assumeRole({ RoleArn: role.Arn, RoleSessionName: "night" });
  seen.expiration = session.Credentials.Expiration instanceof Date;
  const script = callerWith(session.Credentials);
  seen.session = (await new STS(script).getCallerIdentity({})).Arn;
  seen.openedInSession = Buffer.from((await new KMS(script).decrypt({ CiphertextBlob: sealed, ...context })).Plaintext).toString();

  for (let n = 0; n < 5; n++) await iam.createUser({ UserName: `many-${n}`, Path: "/many/" });
  seen.users = [];
  for await (const page of paginateListUsers({ client: iam, pageSize: 2 }, { PathPrefix: "/many/" })) {
    seen.users.push(page.Users.map((user) => user.UserName));
  }

  seen.absent = await refusal(iam.getUser({ UserName: "absent" }));
  seen.unimplemented = await refusal(iam.listSAMLProviders({}));
  seen.wrongSecret = await refusal(
    new KMS(callerWith({ ...access, SecretAccessKey: access.SecretAccessKey.toLowerCase() })).listKeys({}),
  );

  seen.events = [];
  const filter = { LookupAttributes: [{ AttributeKey: "EventName", AttributeValue: "Decrypt" }] };
  for await (const page of paginateLookupEvents({ client: trail, pageSize: 2 }, filter)) {
    for (const event of page.Events) {
      const record = JSON.parse(event.CloudTrailEvent);
      seen.events.push([event.Username, record.errorCode ?? null, event.EventTime instanceof Date]);
    }
  }
  process.stdout.write(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
