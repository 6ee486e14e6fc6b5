using 'main.bicep'

// azd exports its environment: `azd env set NAME VALUE`. Lists are separated by commas.
param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', '')
param location = readEnvironmentVariable('AZURE_LOCATION', '')

param apimServiceIds = filter(split(readEnvironmentVariable('APIM_SERVICE_IDS', ''), ','), id => !empty(id))
param reconnectRoleGuid = readEnvironmentVariable('RECONNECT_ROLE_GUID', '')
param sendGatewayLogs = bool(readEnvironmentVariable('SEND_GATEWAY_LOGS', 'false'))

param entraClientId = readEnvironmentVariable('ENTRA_CLIENT_ID', '')
param entraAudiences = filter(split(readEnvironmentVariable('ENTRA_AUDIENCES', ''), ','), audience => !empty(audience))
param entraObjectId = readEnvironmentVariable('ENTRA_OBJECT_ID', '')
param entraIdentifierUri = readEnvironmentVariable('ENTRA_IDENTIFIER_URI', '')
param consoleClientId = readEnvironmentVariable('CONSOLE_CLIENT_ID', '')

param mode = readEnvironmentVariable('RECONNECT_MODE', 'dry-run')
param publicUrl = readEnvironmentVariable('PUBLIC_URL', '')
param webhookSecretNames = filter(split(readEnvironmentVariable('WEBHOOK_SECRETS', ''), ','), name => !empty(name))
param storagePrefix = readEnvironmentVariable('STORAGE_PREFIX', '')
param nodeVersion = readEnvironmentVariable('NODE_VERSION', '24')
param instanceMemoryMB = int(readEnvironmentVariable('INSTANCE_MEMORY_MB', '2048'))
param maximumInstanceCount = int(readEnvironmentVariable('MAXIMUM_INSTANCE_COUNT', '40'))
param alwaysReadyHttp = int(readEnvironmentVariable('ALWAYS_READY_HTTP', '0'))
param alwaysReadyDeliver = int(readEnvironmentVariable('ALWAYS_READY_DELIVER', '0'))
param zoneRedundant = bool(readEnvironmentVariable('ZONE_REDUNDANT', 'false'))
param privateNetwork = bool(readEnvironmentVariable('PRIVATE_NETWORK', 'false'))
param networkPrefix = readEnvironmentVariable('NETWORK_PREFIX', '10.90.0.0/24')
param vaultPurgeProtection = bool(readEnvironmentVariable('VAULT_PURGE_PROTECTION', 'false'))

param workspaceId = readEnvironmentVariable('WORKSPACE_ID', '')
param backendAlert = bool(readEnvironmentVariable('BACKEND_ALERT', 'false'))
param gatewayLogsWorkspaceId = readEnvironmentVariable('GATEWAY_LOGS_WORKSPACE_ID', '')
param failureThreshold = int(readEnvironmentVariable('FAILURE_THRESHOLD', '5'))
param operatorEmails = filter(split(readEnvironmentVariable('OPERATOR_EMAILS', ''), ','), address => !empty(address))
param operatorActionGroupId = readEnvironmentVariable('OPERATOR_ACTION_GROUP_ID', '')
param availabilityTest = bool(readEnvironmentVariable('AVAILABILITY_TEST', 'false'))
