// Says what is left to do, with the values filled in, because no template can do it.
const {
  RELAY_URL = '',
  RELAY_PRINCIPAL_ID = '',
  RELAY_CLIENT_ID = '',
  RELAY_IDENTITY_NAME = '',
  RELAY_MAIL_ACCOUNT = '',
} = process.env;

console.log(`
The relay's resources are there. Its endpoint: ${RELAY_URL}

It may not send mail yet. An Exchange administrator lets it, once, for the members of one group:

    ./infra/graphPermission/Grant-RelayPermission.ps1 \`
        -AppId ${RELAY_CLIENT_ID} -ObjectId ${RELAY_PRINCIPAL_ID} \`
        -DisplayName ${RELAY_IDENTITY_NAME} -SenderGroup GROUP@YOUR-DOMAIN

That takes 30 minutes to 2 hours to be believed everywhere. Then, for any member of the group:

    ./infra/graphPermission/Test-RelayPermission.ps1 -ObjectId ${RELAY_PRINCIPAL_ID} -Mailbox SENDER@YOUR-DOMAIN

Looking up mail later: npm run messages -- find MESSAGE-ID --account ${RELAY_MAIL_ACCOUNT}
The whole way is in docs/azure.md.
`);
