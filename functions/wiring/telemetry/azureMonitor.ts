/** Application Insights, by connection string and, where local authentication is off, by managed identity. */
import {
  AzureMonitorLogExporter,
  AzureMonitorMetricExporter,
  AzureMonitorTraceExporter,
} from '@azure/monitor-opentelemetry-exporter';
import type { Exporters } from './exporters.ts';

export interface AzureMonitorOptions {
  readonly connectionString: string;
  /** Who sends; undefined: whoever knows the connection string. */
  readonly identity: { readonly clientId?: string | undefined } | undefined;
}

export async function azureMonitorExporters({ connectionString, identity }: AzureMonitorOptions): Promise<Exporters> {
  // The exporter takes these from the environment only. Statistics about itself would be sent to Microsoft and need an
  // outbound way of their own; the resource is on every record already, and need not come as a metric with every batch.
  process.env.APPLICATION_INSIGHTS_NO_STATSBEAT ??= 'true';
  process.env.APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED ??= 'true';
  const options = { connectionString, ...(identity && { credential: await credentialOf(identity.clientId) }) };
  return {
    logs: new AzureMonitorLogExporter(options),
    spans: new AzureMonitorTraceExporter(options),
    metrics: new AzureMonitorMetricExporter(options),
  };
}

async function credentialOf(clientId: string | undefined) {
  const { ManagedIdentityCredential } = await import('@azure/identity');
  return new ManagedIdentityCredential(clientId ? { clientId } : {});
}
